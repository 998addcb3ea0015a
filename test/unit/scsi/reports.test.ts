import { expect } from 'chai';
import { MemoryDevice } from '../../../lib/block/index.ts';
import { commandRows, ScsiStatus } from '../../../lib/scsi/index.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { ScsiHarness, bytesOf } from '../../fakes/scsi-harness.ts';

const opcodes = (options: number, opcode = 0, action = 0): number[] => [
  0xa3,
  0x0c,
  options,
  opcode,
  ...bytesOf(action, 2),
  ...bytesOf(65535, 4),
  0,
  0,
];
const RCTD = 0x80;

describe('REPORT SUPPORTED OPERATION CODES', () => {
  it('lists every command of the table, each once', async () => {
    const { data } = await new ScsiHarness().run(opcodes(0));
    expect(data.readUInt32BE(0)).to.equal(data.length - 4);
    const listed = Array.from({ length: (data.length - 4) / 8 }, (_, index) => {
      const at = 4 + index * 8;
      const [action, cdbBytes] = [data.readUInt16BE(at + 2), data.readUInt16BE(at + 6)];
      return `${data[at]}/${action}/${data[at + 5]! & 1}/${cdbBytes}`;
    });
    const expected = commandRows.map(
      ({ opcode, serviceAction, cdbBytes }) =>
        `${opcode}/${serviceAction ?? 0}/${serviceAction === undefined ? 0 : 1}/${cdbBytes}`,
    );
    expect(listed).to.deep.equal(expected);
    expect(new Set(listed).size).to.equal(listed.length);
  });

  it('adds a timeouts descriptor to each with RCTD', async () => {
    const { data } = await new ScsiHarness().run(opcodes(RCTD));
    expect(data.length).to.equal(4 + commandRows.length * 20);
    for (let at = 4; at < data.length; at += 20) {
      expect(data[at + 5]! & 2).to.equal(2);
      expect(data.readUInt16BE(at + 8)).to.equal(10);
    }
  });

  it('leaves out what this unit does not do', async () => {
    const memory = new MemoryDevice({ capacityBytes: 65536 });
    const harness = new ScsiHarness({ device: new HeldDevice(memory, { unmap: false }) });
    const { data } = await harness.run(opcodes(1, 0x42));
    expect([...data]).to.deep.equal([0, 1, 0, 0]);
  });

  it('gives the usage data of one command, with the service action where it has one', async () => {
    const harness = new ScsiHarness();
    const read = await harness.run(opcodes(1, 0x28));
    expect([...read.data.subarray(0, 6)]).to.deep.equal([0, 3, 0, 10, 0x28, 0x18]);
    const capacity = await harness.run(opcodes(2, 0x9e, 0x10));
    expect([...capacity.data.subarray(0, 6)]).to.deep.equal([0, 3, 0, 16, 0x9e, 0x10]);
  });

  it('refuses the option that does not fit the command', async () => {
    const harness = new ScsiHarness();
    expect((await harness.run(opcodes(1, 0x9e))).asc).to.equal(0x2400);
    expect((await harness.run(opcodes(2, 0x28))).asc).to.equal(0x2400);
    expect((await harness.run(opcodes(4))).asc).to.equal(0x2400);
  });

  it('takes either kind with option 3', async () => {
    const harness = new ScsiHarness();
    expect((await harness.run(opcodes(3, 0x28))).data[1]).to.equal(3);
    expect((await harness.run(opcodes(3, 0x9e, 0x12))).data[1]).to.equal(3);
    expect((await harness.run(opcodes(3, 0x28, 1))).data[1]).to.equal(1);
  });

  it('says of an unknown command that it is not supported', async () => {
    const harness = new ScsiHarness();
    for (const cdb of [opcodes(1, 0xff), opcodes(2, 0xff, 1), opcodes(2, 0x9e, 0x1f)]) {
      expect([...(await harness.run(cdb)).data]).to.deep.equal([0, 1, 0, 0]);
    }
  });
});

describe('the command table', () => {
  for (const row of commandRows) {
    it(`${row.name} refuses each bit that its usage data leaves out`, async () => {
      const action = row.serviceAction ?? 0;
      const harness = new ScsiHarness();
      for (let byte = 1; byte < row.cdbBytes; byte++) {
        for (let bit = 0; bit < 8; bit++) {
          const allowed =
            row.usage[byte]! | (byte === 1 && row.serviceAction !== undefined ? 0x1f : 0);
          if ((allowed & (1 << bit)) !== 0) continue;
          const cdb = Buffer.alloc(16);
          cdb[0] = row.opcode;
          cdb[1] = action;
          cdb[byte]! |= 1 << bit;
          const answer = await harness.run(cdb);
          expect(answer.asc, `byte ${byte} bit ${bit}`).to.equal(0x2400);
          expect([...answer.sense.subarray(15, 18)]).to.deep.equal([0xc8 | bit, 0, byte]);
        }
      }
    });
  }

  it('ends an unknown operation code in INVALID COMMAND OPERATION CODE', async () => {
    const answer = await new ScsiHarness().run([0xc1, 0, 0, 0, 0, 0]);
    expect([answer.key, answer.asc]).to.deep.equal([5, 0x2000]);
  });

  it('ends an unknown service action in INVALID FIELD IN CDB', async () => {
    const answer = await new ScsiHarness().run([0x9e, 0x1f]);
    expect([answer.key, answer.asc]).to.deep.equal([5, 0x2400]);
  });

  it('ends commands for a LUN that is not there in LOGICAL UNIT NOT SUPPORTED', async () => {
    const harness = new ScsiHarness();
    for (const opcode of [0x00, 0x28, 0x2a, 0xc1]) {
      const answer = await harness.run([opcode], { lun: 1 });
      expect([answer.key, answer.asc]).to.deep.equal([5, 0x2500]);
    }
  });
});

describe('REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS', () => {
  it('tells abort task, abort and clear task set, unit and target reset', async () => {
    const cdb = [0xa3, 0x0d, 0, 0, 0, 0, ...bytesOf(16, 4), 0, 0];
    const answer = await new ScsiHarness().run(cdb);
    expect(answer.status).to.equal(ScsiStatus.good);
    expect([...answer.data]).to.deep.equal([0xda, 0, 0, 0]);
  });

  it('refuses an allocation length that can not hold it', async () => {
    const cdb = [0xa3, 0x0d, 0, 0, 0, 0, ...bytesOf(3, 4), 0, 0];
    expect((await new ScsiHarness().run(cdb)).asc).to.equal(0x2400);
  });
});
