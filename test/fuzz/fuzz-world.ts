/** A whole target in one process, without sockets, and peers that may send it anything. */
import { SeededRandom } from '../../lib/base/index.ts';
import { MemoryDevice, TransferBuffers, wrapMemory } from '../../lib/block/index.ts';
import { LogicalUnit, ScsiTarget } from '../../lib/scsi/index.ts';
import { TargetNode } from '../../lib/target/index.ts';
import type { ConnectionPort, HostView, TargetConnection } from '../../lib/target/index.ts';
import { crc32c } from '../../lib/wire/index.ts';
import { VirtualTimers } from '../fakes/virtual-timers.ts';
import { RawFramer } from '../interop/raw-pdu.ts';
import type { RawPdu } from '../interop/raw-pdu.ts';

export const FUZZ_TARGET = 'iqn.2026-11.io.hawser:fuzzed';
/** Logs in without a secret. */
export const FUZZ_HOST = 'iqn.2026-11.test:fuzzer';
/** Needs a secret, which the fuzzer does not know. */
export const CHAP_HOST = 'iqn.2026-11.test:guarded';
/** Must never notice any of it. */
export const WITNESS_HOST = 'iqn.2026-11.test:witness';

const CAPACITY_BYTES = 4 * 1024 * 1024;
const BUFFER_BUDGET_BYTES = 32 * 1024 * 1024;
const SCRATCH_BYTES = 256 * 1024;
/** Longer than any limit of the target: what hasn't ended by then never will. */
const REST_MS = 60_000;

export class FuzzWorld {
  readonly timers = new VirtualTimers();
  readonly buffers = new TransferBuffers(
    (bytes) => wrapMemory(Buffer.alloc(bytes)),
    BUFFER_BUDGET_BYTES,
  );
  readonly node: TargetNode;
  readonly #peers = new Set<FuzzPeer>();

  constructor(seed: number) {
    const shared = { buffers: this.buffers, timers: this.timers };
    const unit = (name: string, digit: string) =>
      new LogicalUnit({
        ...shared,
        name,
        uuid: `${digit.repeat(8)}-0000-4000-8000-000000000000`,
        device: new MemoryDevice({ capacityBytes: CAPACITY_BYTES, name }),
      });
    const views: readonly [string, HostView][] = [
      [FUZZ_HOST, this.#view('fuzzer', unit('fuzzed', '1'))],
      [CHAP_HOST, { ...this.#view('guarded', unit('guarded', '2')), chap: unknownSecret }],
      [WITNESS_HOST, this.#view('witness', unit('witness', '3'))],
    ];
    const viewOf = new Map(views);
    this.node = new TargetNode({
      ...shared,
      name: FUZZ_TARGET,
      directory: { find: (name) => viewOf.get(name) },
      scsi: new ScsiTarget(shared),
      random: new SeededRandom(seed),
      crc32c,
      incarnation: 1,
    });
    this.node.addPortal({ address: '127.0.0.1:3260' });
  }

  #view(host: string, unit: LogicalUnit): HostView {
    const assignment = { lun: 0, unit, readOnly: false, partition: unit.name };
    return { host, chap: null, mutual: null, luns: new Map([[0, assignment]]) };
  }

  connect(): FuzzPeer {
    const peer = new FuzzPeer((port) => this.node.accept(port));
    this.#peers.add(peer);
    return peer;
  }

  /** Lets everything happen that is going to happen without time passing. */
  async settle(): Promise<void> {
    let before = -1;
    let now = this.#activity();
    while (before !== now) {
      await new Promise((resolve) => setImmediate(resolve));
      for (const peer of this.#peers) peer.flush();
      before = now;
      now = this.#activity();
    }
    for (const peer of this.#peers) if (peer.isClosed) this.#peers.delete(peer);
  }

  #activity(): number {
    let bytes = 0;
    for (const peer of this.#peers) bytes += peer.receivedBytes + (peer.isClosed ? 1 : 0);
    return bytes;
  }

  /**
   * Ends `peers` and gives the target all the time it may take. @returns what is wrong afterwards.
   */
  async rest(peers: readonly FuzzPeer[], witness: FuzzPeer): Promise<string[]> {
    for (const peer of peers) peer.hangUp();
    await this.settle();
    for (let step = 0; step < 6; step++) {
      witness.answerPings();
      this.timers.advance(REST_MS / 6);
      await this.settle();
    }
    const { sessionTable, loggingIn } = this.node;
    const wrong: string[] = [];
    if (witness.isClosed) wrong.push('the witness was disconnected');
    if (sessionTable.size !== 1) wrong.push(`${sessionTable.size} sessions instead of 1`);
    if (loggingIn.size > 0) wrong.push(`${loggingIn.size} connections still logging in`);
    if (this.buffers.usedBytes > 0) wrong.push(`${this.buffers.usedBytes} bytes of memory held`);
    return wrong;
  }
}

const unknownSecret = { user: 'guarded', secret: 'nobody-will-guess-this' };

/** One TCP connection, seen from the other end. */
export class FuzzPeer implements ConnectionPort {
  readonly localAddress = '127.0.0.1:3260';
  readonly remoteAddress = '127.0.0.1:50000';
  readonly #connection: TargetConnection;
  readonly #framer = new RawFramer();
  readonly #scratch = Buffer.alloc(SCRATCH_BYTES);
  #closing = false;
  isClosed = false;
  receivedBytes = 0;
  /** What the target sent and nobody has taken yet. */
  readonly inbox: RawPdu[] = [];
  /** Takes the place of the inbox. */
  onPdu: ((pdu: RawPdu) => void) | null = null;
  onClosed: (() => void) | null = null;
  /**
   * Set where the target's stream can no longer be read: it negotiated digests with garbage, say.
   */
  deaf = false;

  constructor(accept: (port: ConnectionPort) => TargetConnection) {
    this.#connection = accept(this);
  }

  wake(): void {
    queueMicrotask(() => this.flush());
  }

  close(): void {
    this.flush();
    this.#closing = true;
    queueMicrotask(() => this.hangUp());
  }

  /** The socket goes away. */
  hangUp(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#connection.closed('closed by peer');
    this.onClosed?.();
  }

  send(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += SCRATCH_BYTES) {
      if (this.isClosed || this.#closing) return;
      const length = Math.min(SCRATCH_BYTES, bytes.length - at);
      bytes.copy(this.#scratch, 0, at, at + length);
      this.#connection.receive(this.#scratch, 0, length);
      // the shell's receive buffer is reused at once: who kept a view of it, finds this
      this.#scratch.fill(0xee, 0, length);
    }
  }

  flush(): void {
    if (this.isClosed) return;
    for (let batch = this.#connection.takeBatch(); batch; batch = this.#connection.takeBatch()) {
      const bytes = Buffer.concat(batch.pieces);
      this.receivedBytes += bytes.length;
      this.#connection.batchDone(batch);
      if (!this.deaf) this.#deliver(this.#framer.push(bytes));
    }
  }

  #deliver(pdus: readonly RawPdu[]): void {
    if (this.onPdu === null) this.inbox.push(...pdus);
    else for (const pdu of pdus) this.onPdu(pdu);
  }

  /** Answers NOP-Ins that ask for it, as every honest initiator does. */
  answerPings(): void {
    this.flush();
    for (const pdu of this.inbox.splice(0)) {
      const tag = pdu.bhs.readUInt32BE(20);
      if (pdu.opcode !== 0x20 || tag === 0xffff_ffff) continue;
      const answer = Buffer.alloc(48);
      answer[0] = 0x40;
      answer[1] = 0x80;
      pdu.bhs.copy(answer, 8, 8, 16);
      answer.writeUInt32BE(0xffff_ffff, 16);
      answer.writeUInt32BE(tag, 20);
      answer.writeUInt32BE(pdu.bhs.readUInt32BE(28), 24);
      this.send(answer);
    }
  }
}
