import type { Clock } from '../../base/index.ts';
import { BlockOp } from '../block-device.ts';
import type { BlockDevice, BlockOutcome, BlockRequest } from '../block-device.ts';
import { ChildRequests } from '../child-requests.ts';
import type { ChildRequest } from '../child-requests.ts';
import { opName, outcomeName } from '../outcome.ts';
import { Layer } from './layer.ts';

const RECORDS_DEFAULT = 256;

/** One request as it went by. */
export interface TraceRecord {
  /** Counts from 0 over the life of the layer. */
  sequence: number;
  op: BlockOp;
  offsetBytes: number;
  lengthBytes: number;
  fua: boolean;
  /** Null while the request is in flight. */
  outcome: BlockOutcome | null;
  startMs: number;
  endMs: number;
}

interface Slot {
  readonly record: TraceRecord;
  /** What the record is about, while that is in flight. */
  child: ChildRequest | null;
}

/**
 * Remembers the most recent requests, for tests and for looking into a running device. Allocates
 * nothing for each.
 */
export class TraceLayer extends Layer {
  readonly #clock: Clock;
  readonly #slots: Slot[];
  readonly #children: ChildRequests;
  #count = 0;

  constructor(next: BlockDevice, clock: Clock, records = RECORDS_DEFAULT) {
    super(next);
    this.#clock = clock;
    this.#slots = Array.from({ length: records }, emptySlot);
    this.#children = new ChildRequests(next, (child) => this.#ended(child));
  }

  /** Requests seen in all. */
  get count(): number {
    return this.#count;
  }

  override submit(request: BlockRequest): void {
    const child = this.#children.begin(request);
    const slot = this.#slots[this.#count % this.#slots.length]!;
    const { record } = slot;
    record.sequence = this.#count++;
    record.op = request.op;
    record.offsetBytes = request.offsetBytes;
    record.lengthBytes = request.lengthBytes;
    record.fua = request.fua;
    record.outcome = null;
    record.startMs = this.#clock.nowMs();
    record.endMs = record.startMs;
    slot.child = child;
    child.owner = slot;
    this.#children.submit(child);
  }

  override cancel(request: BlockRequest): void {
    this.#children.cancel(request);
  }

  /** Oldest first. */
  recent(): TraceRecord[] {
    const first = Math.max(0, this.#count - this.#slots.length);
    const list: TraceRecord[] = [];
    for (let sequence = first; sequence < this.#count; sequence++) {
      list.push({ ...this.#slots[sequence % this.#slots.length]!.record });
    }
    return list;
  }

  #ended(child: ChildRequest): void {
    const slot = child.owner as Slot;
    child.owner = null;
    // a newer request may have taken its place
    if (slot.child === child) {
      slot.child = null;
      slot.record.outcome = child.outcome;
      slot.record.endMs = this.#clock.nowMs();
    }
    this.#children.end(child);
  }
}

const emptySlot = (): Slot => ({
  child: null,
  record: {
    sequence: -1,
    op: BlockOp.read,
    offsetBytes: 0,
    lengthBytes: 0,
    fua: false,
    outcome: null,
    startMs: 0,
    endMs: 0,
  },
});

/** One line for a log. */
export function formatTrace(record: TraceRecord): string {
  const end = record.outcome === null ? 'in flight' : outcomeName(record.outcome);
  const range = record.op === BlockOp.flush ? '' : ` ${record.offsetBytes}+${record.lengthBytes}`;
  const tookMs = (record.endMs - record.startMs).toFixed(1);
  const op = `${opName(record.op)}${record.fua ? ' fua' : ''}`;
  return `#${record.sequence} ${op}${range} ${end} ${tookMs} ms`;
}
