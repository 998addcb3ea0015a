/**
 * Requests that a layer makes on behalf of its caller's. Pooled: nothing is allocated for each. The
 * caller's request stays as it is; the layer changes the child's.
 */
import { BlockRequest } from './block-device.ts';
import type { BlockDevice } from './block-device.ts';
import { InFlight } from './in-flight.ts';
import type { Era } from './in-flight.ts';

export class ChildRequest extends BlockRequest {
  /** Whom this is for. */
  parent: BlockRequest | null = null;
  /** Submitted to the next device and not ended. */
  submitted = false;
  /** @internal */ era: Era | null = null;
  /** @internal */ index = -1;
}

export class ChildRequests {
  readonly inFlight = new InFlight();
  readonly #next: BlockDevice;
  readonly #onDone: (child: ChildRequest) => void;
  readonly #idle: ChildRequest[] = [];
  readonly #active: ChildRequest[] = [];

  /** @param onDone called when the next device has ended a child; left out, `end` is. */
  constructor(next: BlockDevice, onDone?: (child: ChildRequest) => void) {
    this.#next = next;
    this.#onDone = onDone ?? ((child) => this.end(child));
  }

  /** @returns a child with the parent's operation, range, memory and flags. */
  begin(parent: BlockRequest): ChildRequest {
    const child = this.#idle.pop() ?? this.#make();
    child.parent = parent;
    child.era = this.inFlight.begin();
    child.index = this.#active.length;
    this.#active.push(child);
    child.op = parent.op;
    child.offsetBytes = parent.offsetBytes;
    child.lengthBytes = parent.lengthBytes;
    child.memory = parent.memory;
    child.memoryStart = parent.memoryStart;
    child.fua = parent.fua;
    child.mayUnmap = parent.mayUnmap;
    return child;
  }

  submit(child: ChildRequest): void {
    child.submitted = true;
    this.#next.submit(child);
  }

  find(parent: BlockRequest): ChildRequest | undefined {
    return this.#active.find((child) => child.parent === parent);
  }

  /** Passes a cancellation on. */
  cancel(parent: BlockRequest): void {
    const child = this.find(parent);
    if (child?.submitted === true) this.#next.cancel(child);
  }

  /** Gives the child's outcome to its parent, ends that and takes the child back. */
  end(child: ChildRequest): void {
    const parent = child.parent!;
    const { outcome, detail } = child;
    this.inFlight.end(child.era!);
    this.#release(child);
    parent.outcome = outcome;
    parent.detail = detail;
    parent.onDone(parent);
  }

  #release(child: ChildRequest): void {
    const last = this.#active.pop()!;
    if (last !== child) {
      this.#active[child.index] = last;
      last.index = child.index;
    }
    child.parent = null;
    child.era = null;
    child.memory = null;
    child.submitted = false;
    this.#idle.push(child);
  }

  #make(): ChildRequest {
    const child = new ChildRequest();
    child.onDone = () => {
      child.submitted = false;
      this.#onDone(child);
    };
    return child;
  }
}
