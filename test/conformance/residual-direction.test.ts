import { expect } from 'chai';
import { scsiCommand } from '../../lib/iscsi/index.ts';
import { TargetWorld, cdb10 } from '../fakes/target-harness.ts';

const UNDERFLOW = 0x02;

describe('A command whose data was announced in the other direction', () => {
  for (const [name, opcode, direction] of [
    ['READ(10) with W', 0x28, { write: true }],
    ['WRITE(10) with R', 0x2a, { read: true }],
  ] as const) {
    it(`${name} moves nothing and reports all of it as residual underflow`, async () => {
      const world = new TargetWorld();
      const client = world.client();
      await client.connect('iqn.2026-11.test:host');
      const initiatorTaskTag = client.nextTag();
      const value = { ...direction, expectedDataTransferLengthBytes: 512 };
      const cdb = cdb10(opcode, 0, 1);
      client.send(scsiCommand, { ...value, cdb, initiatorTaskTag, cmdSn: client.cmdSn++ });
      const [response] = await client.received();
      expect(response!.header[1]! & 0x06).to.equal(UNDERFLOW);
      expect(response!.header.readUInt32BE(44)).to.equal(512);
      expect(world.buffers.usedBytes).to.equal(0);
    });
  }
});
