/** Words and an error for BlockOutcome, for logs and for the promise face. */
import { BlockOp, BlockOutcome } from './block-device.ts';

const inverted = (codes: Readonly<Record<string, number>>): readonly string[] => {
  const names: string[] = [];
  for (const [name, code] of Object.entries(codes)) names[code] = name;
  return names;
};
const outcomeNames = inverted(BlockOutcome);
const opNames = inverted(BlockOp);

export type BlockOutcomeName = keyof typeof BlockOutcome;
export type BlockOpName = keyof typeof BlockOp;

export const outcomeName = (outcome: BlockOutcome): BlockOutcomeName =>
  outcomeNames[outcome] as BlockOutcomeName;
export const opName = (op: BlockOp): BlockOpName => opNames[op] as BlockOpName;

/** A request of the promise face that did not end as `ok`. */
export class BlockError extends Error {
  override readonly name = 'BlockError';
  readonly outcome: BlockOutcome;
  /** The device's own word for it: errno text, a layer's reason; may be empty. */
  readonly detail: string;

  constructor(what: string, outcome: BlockOutcome, detail = '') {
    super(`${what}: ${outcomeName(outcome)}${detail === '' ? '' : ` (${detail})`}`);
    this.outcome = outcome;
    this.detail = detail;
  }
}
