/** An initiator without sockets: several commands at a time, each a promise. */
import type { FuzzPeer } from '../fuzz/fuzz-world.ts';
import type { CommandOptions } from '../interop/raw-client.ts';
import { encodeText, frame, header, opcode, writeLun } from '../interop/raw-pdu.ts';
import type { RawPdu } from '../interop/raw-pdu.ts';

interface Result {
  readonly status: number;
  readonly data: Buffer;
}

interface Pending {
  readonly data: Buffer[];
  readonly out: Buffer;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: Error) => void;
}

export class SimClient {
  readonly peer: FuzzPeer;
  readonly #pending = new Map<number, Pending>();
  #onLogin: ((status: number) => void) | null = null;
  #cmdSn = 1;
  #expStatSn = 0;
  #tag = 1;
  /** Commands that have ended. */
  ended = 0;
  onEnded: ((count: number) => void) | null = null;

  constructor(peer: FuzzPeer) {
    this.peer = peer;
    peer.onPdu = (pdu) => this.#take(pdu);
    peer.onClosed = () => {
      for (const { reject } of this.#pending.values()) reject(new Error('disconnected'));
      this.#pending.clear();
    };
  }

  get isClosed(): boolean {
    return this.peer.isClosed;
  }

  async login(initiatorName: string, targetName: string): Promise<void> {
    const bhs = header(opcode.login, 0x87, 0, true);
    Buffer.from('800000000001', 'hex').copy(bhs, 8);
    bhs.writeUInt32BE(this.#cmdSn, 24);
    const keys = { InitiatorName: initiatorName, SessionType: 'Normal', TargetName: targetName };
    const answered = new Promise<number>((resolve) => (this.#onLogin = resolve));
    this.peer.send(frame(bhs, encodeText(keys)));
    const status = await answered;
    if (status !== 0) throw new Error(`login status ${status.toString(16)}`);
    await this.command(Buffer.alloc(6));
  }

  command(cdb: Buffer, options: CommandOptions = {}): Promise<Result> {
    const { lun = 0, inBytes = 0, out = Buffer.alloc(0), attribute = 1 } = options;
    if (this.isClosed) return Promise.reject(new Error('disconnected'));
    const tag = this.#tag++;
    const flags = 0x80 | (inBytes > 0 ? 0x40 : 0) | (out.length > 0 ? 0x20 : 0) | attribute;
    const bhs = header(opcode.scsiCommand, flags, tag);
    writeLun(bhs, lun);
    bhs.writeUInt32BE(inBytes + out.length, 20);
    bhs.writeUInt32BE(this.#cmdSn++, 24);
    bhs.writeUInt32BE(this.#expStatSn, 28);
    cdb.copy(bhs, 32);
    const result = new Promise<Result>((resolve, reject) =>
      this.#pending.set(tag, { data: [], out, resolve, reject }),
    );
    this.peer.send(frame(bhs, Buffer.alloc(0)));
    return result;
  }

  #take(pdu: RawPdu): void {
    const hasStatus = pdu.opcode !== opcode.dataIn || (pdu.bhs[1]! & 1) !== 0;
    if (hasStatus && pdu.opcode !== opcode.r2t)
      this.#expStatSn = (pdu.bhs.readUInt32BE(24) + 1) >>> 0;
    if (pdu.opcode === opcode.loginResponse) this.#onLogin?.(pdu.bhs.readUInt16BE(36));
    const pending = this.#pending.get(pdu.bhs.readUInt32BE(16));
    if (pending === undefined) return;
    if (pdu.opcode === opcode.r2t) return this.#answerR2t(pdu, pending.out);
    if (pdu.opcode === opcode.dataIn) pending.data.push(pdu.data);
    if (hasStatus) this.#end(pdu, pending);
  }

  #end(pdu: RawPdu, { data, resolve }: Pending): void {
    this.#pending.delete(pdu.bhs.readUInt32BE(16));
    resolve({ status: pdu.bhs[3]!, data: Buffer.concat(data) });
    this.onEnded?.(++this.ended);
  }

  #answerR2t(r2t: RawPdu, out: Buffer): void {
    const offset = r2t.bhs.readUInt32BE(40);
    const bhs = header(opcode.dataOut, 0x80, r2t.bhs.readUInt32BE(16));
    r2t.bhs.copy(bhs, 8, 8, 16);
    r2t.bhs.copy(bhs, 20, 20, 24);
    bhs.writeUInt32BE(this.#expStatSn, 28);
    bhs.writeUInt32BE(offset, 40);
    this.peer.send(frame(bhs, out.subarray(offset, offset + r2t.bhs.readUInt32BE(44))));
  }
}
