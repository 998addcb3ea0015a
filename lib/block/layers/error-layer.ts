import { BlockOutcome } from '../block-device.ts';
import type { BlockDevice, BlockOp, BlockRequest } from '../block-device.ts';
import { ChildRequests } from '../child-requests.ts';
import type { ChildRequest } from '../child-requests.ts';
import { CompletionQueue } from '../completion-queue.ts';
import { Layer } from './layer.ts';

/** Which requests fail, and how. A request meets the first rule that fits it. */
export interface ErrorRule {
  readonly outcome: BlockOutcome;
  readonly detail?: string;
  /** Only this operation; left out: all. */
  readonly op?: BlockOp;
  /** Only requests that touch [startBytes, endBytes); left out: the whole device. */
  readonly startBytes?: number;
  readonly endBytes?: number;
  /** Requests that fit and pass unharmed first; 0 where left out. */
  readonly skip?: number;
  /** Requests that fail then; all where left out. */
  readonly times?: number;
  /** True: the request is performed and only its answer is false, as when a completion is lost. */
  readonly afterwards?: boolean;
}

interface ActiveRule {
  readonly rule: ErrorRule;
  seen: number;
}

/** Makes chosen requests fail, as a bad disk does. */
export class ErrorLayer extends Layer {
  readonly #rules = new Set<ActiveRule>();
  readonly #children: ChildRequests;
  readonly #failed = new CompletionQueue();

  constructor(next: BlockDevice, rules: readonly ErrorRule[] = []) {
    super(next);
    this.#children = new ChildRequests(next, (child) => this.#ended(child));
    for (const rule of rules) this.addRule(rule);
  }

  /** @returns a function that takes the rule away. */
  addRule(rule: ErrorRule): () => void {
    const active: ActiveRule = { rule, seen: 0 };
    this.#rules.add(active);
    return () => this.#rules.delete(active);
  }

  override submit(request: BlockRequest): void {
    const rule = this.#ruleFor(request);
    const child = this.#children.begin(request);
    child.owner = rule ?? null;
    if (rule === undefined || rule.afterwards === true) this.#children.submit(child);
    else this.#failed.push(child, BlockOutcome.ok);
  }

  override cancel(request: BlockRequest): void {
    this.#children.cancel(request);
  }

  override async drain(): Promise<void> {
    await this.#children.inFlight.drained();
    await this.next.drain();
  }

  override async close(): Promise<void> {
    await this.#children.inFlight.drained();
    await this.next.close();
  }

  #ruleFor(request: BlockRequest): ErrorRule | undefined {
    for (const active of this.#rules) {
      const { rule } = active;
      if (!fits(rule, request)) continue;
      const place = active.seen++ - (rule.skip ?? 0);
      if (place >= 0 && place < (rule.times ?? Infinity)) return rule;
    }
    return undefined;
  }

  #ended(child: ChildRequest): void {
    const rule = child.owner as ErrorRule | null;
    if (rule !== null && child.outcome === BlockOutcome.ok) {
      child.outcome = rule.outcome;
      child.detail = rule.detail ?? 'injected';
    }
    this.#children.end(child);
  }
}

function fits(rule: ErrorRule, request: BlockRequest): boolean {
  if (rule.op !== undefined && rule.op !== request.op) return false;
  const start = rule.startBytes ?? 0;
  const end = rule.endBytes ?? Infinity;
  if (request.lengthBytes === 0) return start === 0 && end === Infinity;
  return request.offsetBytes < end && request.offsetBytes + request.lengthBytes > start;
}
