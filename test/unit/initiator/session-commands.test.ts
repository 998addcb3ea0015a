import { expect } from 'chai';
import { SeededRandom } from '../../../lib/base/index.ts';
import { CommandOutcome, decodeSense } from '../../../lib/initiator/index.ts';
import {
  dataOut,
  Opcode,
  scsiCommand,
  writeCommandAhs,
  readCommandAhs,
} from '../../../lib/iscsi/index.ts';
import { decode } from '../../../lib/wire/index.ts';
import { cmdSnOf, command, ScriptedTarget, tagOf } from './scripted-target.ts';

const random = new SeededRandom(20_261_120);

function loggedIn(answers: Record<string, string> = {}): ScriptedTarget {
  const target = new ScriptedTarget(answers);
  target.login();
  return target;
}

describe('initiator session: commands', () => {
  it('gives the first command the CmdSN of the login and counts on from there', () => {
    const target = loggedIn();
    const commands = [command({}), command({}), command({})];
    for (const one of commands) target.session.submit(one);
    const numbers = commands.map(() => cmdSnOf(target.next(Opcode.scsiCommand)));
    expect(numbers).to.deep.equal([1, 2, 3]);
  });

  it('sends everything of one turn in one batch', () => {
    const target = loggedIn();
    const before = target.batches.length;
    for (let index = 0; index < 5; index++) target.session.submit(command({}));
    target.flush();
    expect(target.batches.slice(before)).to.deep.equal([5 * 48]);
  });

  it('sends no command past MaxCmdSN and goes on when the window opens', () => {
    const target = new ScriptedTarget();
    target.maxCmdSn = 2;
    target.login();
    const commands = [command({}), command({}), command({})];
    for (const one of commands) target.session.submit(one);
    target.flush();
    expect(target.sent).to.have.length(2);
    target.maxCmdSn = 3;
    target.ping();
    target.flush();
    const opcodes = target.sent.map(({ opcode }) => opcode);
    expect(opcodes).to.deep.equal([
      Opcode.scsiCommand,
      Opcode.scsiCommand,
      Opcode.nopOut,
      Opcode.scsiCommand,
    ]);
  });

  it('lets an immediate command past a closed window without using up a CmdSN', () => {
    const target = new ScriptedTarget();
    target.maxCmdSn = 0;
    target.login();
    const immediate = command({});
    immediate.immediate = true;
    target.session.submit(immediate);
    const pdu = target.next(Opcode.scsiCommand);
    expect(cmdSnOf(pdu)).to.equal(1);
    target.maxCmdSn = 5;
    target.ping();
    target.session.submit(command({}));
    target.next(Opcode.nopOut);
    expect(cmdSnOf(target.next(Opcode.scsiCommand))).to.equal(1);
  });

  for (const chunkBytes of [1, 7, 48, 4096, Infinity]) {
    it(`puts Data-In into the caller's memory, received ${chunkBytes} bytes at a time`, () => {
      const target = loggedIn();
      target.chunkBytes = chunkBytes;
      const data = random.bytes(10_000);
      const memory = Buffer.alloc(20_000);
      const one = command({ in: memory.subarray(0, 10_000) });
      one.inMemory = memory;
      one.inStart = 77;
      target.session.submit(one);
      const tag = tagOf(target.next(Opcode.scsiCommand));
      target.dataIn(tag, data.subarray(0, 6001), { dataSn: 0, bufferOffsetBytes: 0 });
      const last = { dataSn: 1, bufferOffsetBytes: 6001, statusPresent: true };
      target.dataIn(tag, data.subarray(6001), last);
      expect(one.ends).to.equal(1);
      expect(one.outcome).to.equal(CommandOutcome.answered);
      expect(memory.subarray(77, 10_077).equals(data)).to.equal(true);
      expect(memory.subarray(10_077).every((byte) => byte === 0)).to.equal(true);
    });
  }

  it('tells a short transfer by its residual', () => {
    const target = loggedIn();
    const one = command({ in: Buffer.alloc(512) });
    target.session.submit(one);
    const tag = tagOf(target.next(Opcode.scsiCommand));
    const status = { statusPresent: true, underflow: true, residualBytes: 476 };
    target.dataIn(tag, Buffer.alloc(36, 1), status);
    expect([one.ends, one.receivedBytes, one.residualBytes]).to.deep.equal([1, 36, -476]);
    expect(one.outcome).to.equal(CommandOutcome.answered);
  });

  it('does not take a GOOD status for data that never came', () => {
    const target = loggedIn();
    const one = command({ in: Buffer.alloc(512) });
    target.session.submit(one);
    target.good(tagOf(target.next(Opcode.scsiCommand)));
    expect(one.outcome).to.equal(CommandOutcome.transportError);
  });

  it('hands over sense data', () => {
    const target = loggedIn();
    const one = command({ in: Buffer.alloc(512) });
    target.session.submit(one);
    target.checkCondition(tagOf(target.next(Opcode.scsiCommand)), 5, 0x2100);
    expect(one.status).to.equal(2);
    const sense = decodeSense(one.sense, one.senseBytes);
    expect(sense).to.deep.equal({ key: 5, code: 0x2100, information: null });
  });

  it('puts a CDB of more than 16 bytes into an additional header segment', () => {
    const target = loggedIn();
    const one = command({});
    one.cdb = random.bytes(37);
    one.cdbBytes = 37;
    target.session.submit(one);
    const { header } = target.next(Opcode.scsiCommand);
    expect(header.subarray(32, 48).equals(one.cdb.subarray(0, 16))).to.equal(true);
    expect(header.subarray(48).equals(writeCommandAhs(one.cdb))).to.equal(true);
    const extension = readCommandAhs(header.subarray(48));
    expect(extension).to.have.property('cdbRest');
  });

  it('lets a command be used again once it has ended', () => {
    const target = loggedIn();
    const one = command({});
    for (let turn = 1; turn <= 3; turn++) {
      target.session.submit(one);
      target.good(tagOf(target.next(Opcode.scsiCommand)));
      expect(one.ends).to.equal(turn);
    }
  });
});

describe('initiator session: Data-Out', () => {
  const data = random.bytes(50_000);

  it('sends what fits FirstBurstLength and a segment with the command', () => {
    const target = loggedIn({ InitialR2T: 'Yes', FirstBurstLength: '16384' });
    target.session.submit(command({ out: data }));
    const pdu = target.next(Opcode.scsiCommand);
    expect(pdu.data.equals(data.subarray(0, 8192))).to.equal(true);
    const { final, write, expectedDataTransferLengthBytes } = decode(scsiCommand, pdu.header);
    expect([final, write, expectedDataTransferLengthBytes]).to.deep.equal([true, true, 50_000]);
    expect(target.sent).to.have.length(0);
  });

  it('sends no data unasked where neither immediate nor unsolicited data is agreed', () => {
    const target = loggedIn({ InitialR2T: 'Yes', ImmediateData: 'No' });
    target.session.submit(command({ out: data }));
    expect(target.next(Opcode.scsiCommand).data).to.have.length(0);
    expect(target.sent).to.have.length(0);
  });

  it('sends the rest of the first burst unsolicited, the last PDU final', () => {
    const target = loggedIn({ InitialR2T: 'No', FirstBurstLength: '20000' });
    target.session.submit(command({ out: data }));
    const first = target.next(Opcode.scsiCommand);
    expect(decode(scsiCommand, first.header).final).to.equal(false);
    const rest = [target.next(Opcode.dataOut), target.next(Opcode.dataOut)];
    const fields = rest.map(({ header }) => decode(dataOut, header));
    expect(fields.map(({ final }) => final)).to.deep.equal([false, true]);
    expect(fields.map(({ dataSn }) => dataSn)).to.deep.equal([0, 1]);
    expect(fields.every(({ targetTransferTag }) => targetTransferTag === 0xffff_ffff)).to.equal(
      true,
    );
    const all = Buffer.concat([first.data, ...rest.map((pdu) => pdu.data)]);
    expect(all.equals(data.subarray(0, 20_000))).to.equal(true);
  });

  it('answers each R2T with its range, DataSN from 0 and its transfer tag', () => {
    const target = loggedIn({ InitialR2T: 'Yes', ImmediateData: 'No' });
    const one = command({ out: data });
    target.session.submit(one);
    const tag = tagOf(target.next(Opcode.scsiCommand));
    const ranges = [
      { bufferOffsetBytes: 0, desiredLengthBytes: 30_000 },
      { bufferOffsetBytes: 30_000, desiredLengthBytes: 20_000 },
    ];
    for (const [index, range] of ranges.entries()) {
      target.r2t(tag, { ...range, r2tSn: index, targetTransferTag: 500 + index });
    }
    target.flush();
    const fields = target.sent.map(({ header }) => decode(dataOut, header));
    expect(fields.map(({ dataSn }) => dataSn)).to.deep.equal([0, 1, 2, 3, 0, 1, 2]);
    expect(fields.map(({ targetTransferTag }) => targetTransferTag)).to.deep.equal([
      500, 500, 500, 500, 501, 501, 501,
    ]);
    expect(fields.map(({ final }) => final)).to.deep.equal([
      false,
      false,
      false,
      true,
      false,
      false,
      true,
    ]);
    const all = Buffer.concat(target.sent.map((pdu) => pdu.data));
    expect(all.equals(data)).to.equal(true);
    target.good(tag);
    expect(one.ends).to.equal(1);
  });

  it('pads odd data and covers the pad with the data digest', () => {
    const target = new ScriptedTarget(
      { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' },
      { headerDigest: ['CRC32C'], dataDigest: ['CRC32C'] },
    );
    target.login();
    target.session.submit(command({ out: data.subarray(0, 101) }));
    const pdu = target.next(Opcode.scsiCommand);
    expect(pdu.data.equals(data.subarray(0, 101))).to.equal(true);
    expect(pdu.dataDigestOk).to.equal(true);
  });

  it('keeps the memory of a command until the network has taken it', () => {
    const target = loggedIn({ ImmediateData: 'No', MaxRecvDataSegmentLength: '65536' });
    const one = command({ out: data });
    target.session.submit(one);
    const tag = tagOf(target.next(Opcode.scsiCommand));
    target.r2t(tag, { r2tSn: 0, targetTransferTag: 9, desiredLengthBytes: 50_000 });
    // the answer overtakes data that still waits in the socket
    target.checkCondition(tag, 4, 0x4400);
    expect(one.ends).to.equal(0);
    target.flush();
    expect(one.ends).to.equal(1);
    expect(one.status).to.equal(2);
  });
});
