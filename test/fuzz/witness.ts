/** A well-behaved host: its session has to go on as if it were alone. */
import { opcode } from '../interop/raw-pdu.ts';
import type { RawPdu } from '../interop/raw-pdu.ts';
import { encodeText, frame, header } from '../interop/raw-pdu.ts';
import { FUZZ_TARGET, WITNESS_HOST } from './fuzz-world.ts';
import type { FuzzPeer, FuzzWorld } from './fuzz-world.ts';

const BLOCKS = 8;
const DATA_BYTES = BLOCKS * 512;

export class Witness {
  readonly peer: FuzzPeer;
  readonly #world: FuzzWorld;
  #cmdSn = 1;
  #expStatSn = 0;
  #tag = 1;
  #round = 0;

  private constructor(world: FuzzWorld) {
    this.#world = world;
    this.peer = world.connect();
  }

  static async login(world: FuzzWorld): Promise<Witness> {
    const witness = new Witness(world);
    const bhs = header(opcode.login, 0x87, 0, true);
    Buffer.from('800000007777', 'hex').copy(bhs, 8);
    bhs.writeUInt32BE(1, 24);
    const keys = { InitiatorName: WITNESS_HOST, SessionType: 'Normal', TargetName: FUZZ_TARGET };
    witness.peer.send(frame(bhs, encodeText({ ...keys, InitialR2T: 'No' })));
    const answer = await witness.#answer(opcode.loginResponse);
    if (answer.bhs.readUInt16BE(36) !== 0) throw new Error('the witness can not log in');
    // the unit attention of a new nexus
    await witness.#command(Buffer.alloc(16), 0, Buffer.alloc(0)).catch(() => undefined);
    return witness;
  }

  /** @throws where what was written is not read back at once. */
  async writeAndRead(): Promise<void> {
    const data = Buffer.alloc(DATA_BYTES, ++this.#round & 0xff);
    const lba = (this.#round * BLOCKS) % 8192;
    await this.#command(block(0x2a, lba), 0, data);
    const read = await this.#command(block(0x28, lba), DATA_BYTES, Buffer.alloc(0));
    if (!read.equals(data)) throw new Error('the witness reads other data than it wrote');
  }

  async #command(cdb: Buffer, inBytes: number, out: Buffer): Promise<Buffer> {
    const direction = (inBytes > 0 ? 0x40 : 0) | (out.length > 0 ? 0x20 : 0);
    const bhs = header(opcode.scsiCommand, 0x81 | direction, this.#tag++);
    bhs.writeUInt32BE(Math.max(inBytes, out.length), 20);
    bhs.writeUInt32BE(this.#cmdSn++, 24);
    bhs.writeUInt32BE(this.#expStatSn, 28);
    cdb.copy(bhs, 32);
    this.peer.send(frame(bhs, out));
    const data: Buffer[] = [];
    for (;;) {
      const pdu = await this.#answer(opcode.dataIn, opcode.scsiResponse);
      if (pdu.opcode === opcode.dataIn) data.push(pdu.data);
      const ends = pdu.opcode === opcode.scsiResponse || (pdu.bhs[1]! & 1) !== 0;
      if (ends && pdu.bhs[3] === 0) return Buffer.concat(data);
      if (ends) throw new Error(`the witness is refused: ${pdu.data.toString('hex')}`);
    }
  }

  async #answer(...opcodes: number[]): Promise<RawPdu> {
    for (let attempt = 0; attempt < 2; attempt++) {
      const index = this.peer.inbox.findIndex((pdu) => opcodes.includes(pdu.opcode));
      if (index >= 0) return this.#accept(index);
      await this.#world.settle();
    }
    throw new Error(
      this.peer.isClosed ? 'the witness was disconnected' : 'the witness gets no answer',
    );
  }

  #accept(index: number): RawPdu {
    const [pdu] = this.peer.inbox.splice(index, 1);
    const hasStatus = pdu!.opcode !== opcode.dataIn || (pdu!.bhs[1]! & 1) !== 0;
    if (hasStatus) this.#expStatSn = (pdu!.bhs.readUInt32BE(24) + 1) >>> 0;
    return pdu!;
  }
}

function block(code: number, lba: number): Buffer {
  const cdb = Buffer.alloc(16);
  cdb[0] = code;
  cdb.writeUInt32BE(lba, 2);
  cdb.writeUInt16BE(BLOCKS, 7);
  return cdb;
}
