/**
 * A logical unit of a target as a BlockDevice. Nothing is allocated per transfer; a long one
 * becomes several commands.
 */
import type { Timers } from '../base/index.ts';
import {
  allData,
  BlockOp,
  BlockOutcome,
  CompletionQueue,
  InFlight,
  Listeners,
  promiseFace,
  refuseRequest,
} from '../block/index.ts';
import type { BlockDevice, BlockExtent, BlockFeatures, BlockRequest } from '../block/index.ts';
import { encodeLun } from '../scsi/index.ts';
import { probeCapacity, probeDevice } from './device-profile.ts';
import type { DeviceProfile } from './device-profile.ts';
import type { InitiatorSession } from './initiator-session.ts';
import { fillCommand, partBytesMax } from './part-command.ts';
import { readExtents } from './remote-extents.ts';
import { Method, RemoteOperation, RemotePart } from './remote-operation.ts';
import { ScsiClient } from './scsi-client.ts';
import type { SenseData } from './sense-data.ts';
import { judge } from './transfer-verdict.ts';
import type { Verdict } from './transfer-verdict.ts';

/** Commands of one request that are outstanding at once. */
const PARTS_MAX = 8;
/** Tries of one command before its condition counts as an error. */
const ATTEMPTS_MAX = 32;
const PAUSE_MS_FIRST = 5;
const PAUSE_MS_MAX = 1_000;
const EXTENTS_MAX = 4096;

const CAPACITY_CHANGED = 0x2a09;

export interface RemoteDeviceOptions {
  readonly session: InitiatorSession;
  readonly lun: number;
  readonly timers: Timers;
  /** A word for logs; target name and LUN where absent. */
  readonly name?: string;
  /** The device is drained and flushed: the session may go. */
  readonly onClose?: () => Promise<void>;
}

export class RemoteDevice implements BlockDevice {
  readonly name: string;
  readonly client: ScsiClient;
  readonly profile: DeviceProfile;
  readonly #options: RemoteDeviceOptions;
  readonly #inFlight = new InFlight();
  readonly #refused = new CompletionQueue();
  readonly #capacityListeners = new Listeners<number>();
  readonly #attentionListeners = new Listeners<SenseData>();
  readonly #spareOperations: RemoteOperation[] = [];
  readonly #spareParts: RemotePart[] = [];
  readonly #live: RemoteOperation[] = [];
  readonly #liveParts = new Set<RemotePart>();
  #capacityBytes: number;
  /** Best way to zeros that the target has not refused yet. */
  #zeroMethod: Method;
  #closing: Promise<void> | null = null;
  #closed = false;

  private constructor(client: ScsiClient, profile: DeviceProfile, options: RemoteDeviceOptions) {
    this.client = client;
    this.profile = profile;
    this.#options = options;
    this.#capacityBytes = profile.capacityBytes;
    this.#zeroMethod = Method.writeSame;
    this.name = options.name ?? `${options.session.options.targetName}/${options.lun}`;
    client.onUnitAttention = (sense) => this.takeAttention(sense);
  }

  /**
   * Asks the logical unit what it is. @throws Failure `notFound` where there is no disk,
   * `unreachable` without an answer.
   */
  static async open(options: RemoteDeviceOptions): Promise<RemoteDevice> {
    const client = new ScsiClient(options.session, options.lun);
    return new RemoteDevice(client, await probeDevice(client), options);
  }

  get blockSizeBytes(): number {
    return this.profile.blockSizeBytes;
  }
  get physicalBlockSizeBytes(): number {
    return this.profile.physicalBlockSizeBytes;
  }
  get capacityBytes(): number {
    return this.#capacityBytes;
  }
  get features(): BlockFeatures {
    return this.profile.features;
  }

  submit(request: BlockRequest): void {
    const refusal = this.#closed ? BlockOutcome.notReady : refuseRequest(this, request);
    if (refusal !== BlockOutcome.ok) {
      this.#refused.push(request, refusal);
      return;
    }
    if (request.lengthBytes === 0 && request.op !== BlockOp.flush) {
      this.#refused.push(request);
      return;
    }
    const operation = this.#spareOperations.pop() ?? new RemoteOperation();
    operation.begin(request, this.#inFlight.begin(), this.#methodOf(request));
    operation.index = this.#live.length;
    this.#live.push(operation);
    this.#issue(operation);
  }

  cancel(request: BlockRequest): void {
    const operation = this.#live.find((candidate) => candidate.request === request);
    if (operation === undefined) return;
    operation.cancelled = true;
    for (const part of this.#liveParts) {
      if (part.operation === operation) this.#options.session.abort(part.command);
    }
  }

  async extents(
    offsetBytes: number,
    lengthBytes: number,
    limit = EXTENTS_MAX,
  ): Promise<BlockExtent[]> {
    const { thin, unmapReadsZeroes } = this.features;
    if (!thin || !unmapReadsZeroes || lengthBytes === 0) return allData(offsetBytes, lengthBytes);
    const query = { offsetBytes, lengthBytes, limit, blockSizeBytes: this.blockSizeBytes };
    return (await readExtents(this.client, query)) ?? allData(offsetBytes, lengthBytes);
  }

  onCapacityChange(listener: (capacityBytes: number) => void): () => void {
    return this.#capacityListeners.add(listener);
  }

  /**
   * Every unit attention that some command met, for whoever has to draw conclusions from resets and
   * changed LUNs.
   */
  onUnitAttention(listener: (sense: SenseData) => void): () => void {
    return this.#attentionListeners.add(listener);
  }

  /** A unit attention, met by a command or told in an asynchronous message. */
  takeAttention(sense: SenseData): void {
    this.#attentionListeners.emit(sense);
    if (sense.code === CAPACITY_CHANGED) this.refreshCapacity().catch(() => undefined);
  }

  async drain(): Promise<void> {
    await this.#inFlight.drained();
    await this.#refused.drained();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Asks the target for its size again; listeners hear of a change. */
  async refreshCapacity(): Promise<void> {
    const { capacityBytes } = await probeCapacity(this.client);
    if (capacityBytes === this.#capacityBytes) return;
    this.#capacityBytes = capacityBytes;
    this.#capacityListeners.emit(capacityBytes);
  }

  async #close(): Promise<void> {
    try {
      await this.drain();
      const { readOnly, volatileWriteCache } = this.features;
      if (!readOnly && volatileWriteCache) await promiseFace(this).flush();
    } finally {
      this.#closed = true;
      await this.drain();
      await this.#options.onClose?.();
    }
  }

  #methodOf(request: BlockRequest): Method {
    switch (request.op) {
      case BlockOp.read:
        return Method.read;
      case BlockOp.write:
        return Method.write;
      case BlockOp.flush:
        return Method.synchronize;
      case BlockOp.unmap:
        return Method.unmap;
      case BlockOp.writeZeroes:
        return this.#zeroMethod === Method.writeSame &&
          request.mayUnmap &&
          this.profile.writeSameUnmap
          ? Method.writeSameUnmap
          : this.#zeroMethod;
    }
  }

  #issue(operation: RemoteOperation): void {
    const { lengthBytes } = operation.request!;
    const bytesMax = partBytesMax(operation.method, this.profile);
    do {
      const part = this.#spareParts.pop() ?? new RemotePart((done) => this.#partDone(done));
      part.operation = operation;
      part.attempts = 0;
      part.offsetBytes = operation.issuedBytes;
      part.lengthBytes = Math.min(lengthBytes - operation.issuedBytes, bytesMax);
      operation.issuedBytes += part.lengthBytes;
      operation.partsLeft++;
      this.#liveParts.add(part);
      this.#send(part);
    } while (operation.issuedBytes < lengthBytes && operation.partsLeft < PARTS_MAX);
  }

  #send(part: RemotePart): void {
    const { command } = part;
    command.lunHigh = encodeLun(this.#options.lun);
    fillCommand(part, this.profile);
    part.attempts++;
    this.#options.session.submit(command);
  }

  #partDone(part: RemotePart): void {
    const operation = part.operation!;
    const verdict = judge(part.command, operation.changes);
    if (verdict.kind === 'again' && this.#sendAgain(part, verdict)) return;
    this.#liveParts.delete(part);
    part.operation = null;
    this.#spareParts.push(part);
    operation.partsLeft--;
    this.#note(operation, part, verdict);
    const { lengthBytes } = operation.request!;
    const failed = operation.outcome !== BlockOutcome.ok;
    if (operation.issuedBytes < lengthBytes && !failed && !operation.cancelled) {
      this.#issue(operation);
    } else if (operation.partsLeft === 0) this.#rangeDone(operation);
  }

  /** @returns false where the command has been tried too often. */
  #sendAgain(part: RemotePart, verdict: Verdict & { kind: 'again' }): boolean {
    if (verdict.sense !== null) this.takeAttention(verdict.sense);
    if (part.attempts >= ATTEMPTS_MAX || part.operation!.cancelled) return false;
    if (verdict.after === 'now') {
      this.#send(part);
      return true;
    }
    const pauseMs = Math.min(PAUSE_MS_FIRST * 2 ** (part.attempts - 1), PAUSE_MS_MAX);
    this.#options.timers.after(pauseMs, () => this.#send(part));
    return true;
  }

  #note(operation: RemoteOperation, part: RemotePart, verdict: Verdict): void {
    if (verdict.kind === 'ended') {
      if (verdict.outcome === BlockOutcome.ok) operation.partsDone++;
      else operation.fail(part, verdict.outcome, verdict.detail);
    } else if (verdict.kind === 'unsupported') {
      operation.fail(part, BlockOutcome.unsupported, verdict.detail);
    } else operation.fail(part, BlockOutcome.notReady, 'the target kept asking for another try');
  }

  #rangeDone(operation: RemoteOperation): void {
    const request = operation.request!;
    if (operation.outcome === BlockOutcome.unsupported && this.#tryAnother(operation)) return;
    operation.settle();
    if (operation.outcome === BlockOutcome.ok && this.#needsSynchronize(operation)) {
      operation.synchronizing = true;
      operation.method = Method.synchronize;
      operation.issuedBytes = request.lengthBytes;
      this.#issue(operation);
      return;
    }
    this.#end(operation);
  }

  /** What the target refused in one way may work in a plainer one. */
  #tryAnother(operation: RemoteOperation): boolean {
    const { method } = operation;
    if (method === Method.synchronize && !this.features.volatileWriteCache) {
      // nothing is cached, so there is nothing to synchronize
      operation.outcome = BlockOutcome.ok;
      operation.detail = '';
      return false;
    }
    if (method !== Method.writeSame && method !== Method.writeSameUnmap) return false;
    if (method === Method.writeSame) this.#zeroMethod = Method.writeZeroData;
    operation.restart(method === Method.writeSame ? Method.writeZeroData : Method.writeSame);
    this.#issue(operation);
    return true;
  }

  #needsSynchronize(operation: RemoteOperation): boolean {
    const { method, request } = operation;
    if (!request!.fua || operation.synchronizing || !this.features.volatileWriteCache) return false;
    if (method === Method.read || method === Method.synchronize) return false;
    const carriesFua = method === Method.write || method === Method.writeZeroData;
    return !(carriesFua && this.profile.fua);
  }

  #end(operation: RemoteOperation): void {
    const request = operation.request!;
    const last = this.#live.pop()!;
    if (last !== operation) {
      last.index = operation.index;
      this.#live[operation.index] = last;
    }
    this.#inFlight.end(operation.era!);
    request.outcome = operation.outcome;
    request.detail = operation.detail;
    operation.request = null;
    operation.era = null;
    this.#spareOperations.push(operation);
    request.onDone(request);
  }
}
