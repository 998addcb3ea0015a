/** What the fuzzer has found, each in as few PDUs as show it. */
import { expect } from 'chai';
import { encodeText, frame, header, opcode, RESERVED_TAG } from '../interop/raw-pdu.ts';
import { FUZZ_HOST, FUZZ_TARGET, FuzzWorld } from './fuzz-world.ts';
import type { FuzzPeer } from './fuzz-world.ts';
import { Witness } from './witness.ts';

const NOTHING = Buffer.alloc(0);

function numbered(bhs: Buffer, cmdSn: number): Buffer {
  bhs.writeUInt32BE(cmdSn, 24);
  return bhs;
}

/** @param sessionKeys what makes the session one of discovery, or a normal one. */
async function logIn(world: FuzzWorld, sessionKeys: Record<string, string>): Promise<FuzzPeer> {
  const peer = world.connect();
  const login = numbered(header(opcode.login, 0x87, 0, true), 1);
  peer.send(frame(login, encodeText({ InitiatorName: FUZZ_HOST, ...sessionKeys })));
  await world.settle();
  expect(peer.inbox.splice(0)[0]?.bhs.readUInt16BE(36)).to.equal(0);
  return peer;
}

const discovery = { SessionType: 'Discovery' };
const normal = { SessionType: 'Normal', TargetName: FUZZ_TARGET };

describe('what the fuzzer has found', () => {
  it('a SCSI command ahead of its turn in a discovery session is refused', async () => {
    const world = new FuzzWorld(1);
    const witness = await Witness.login(world);
    const peer = await logIn(world, discovery);
    peer.send(frame(numbered(header(opcode.scsiCommand, 0x81, 7), 2), NOTHING));
    const ping = numbered(header(opcode.nopOut, 0x80, 8), 1);
    ping.writeUInt32BE(RESERVED_TAG, 20);
    peer.send(frame(ping, NOTHING));
    await world.settle();
    await witness.writeAndRead();
    expect(peer.inbox.filter((pdu) => pdu.opcode === opcode.scsiResponse)).to.deep.equal([]);
    expect(await world.rest([peer], witness.peer)).to.deep.equal([]);
  });

  for (const reason of [0, 1, 0x38])
    it(`a command that waits behind a logout for reason ${reason} is dropped`, async () => {
      const world = new FuzzWorld(1);
      const witness = await Witness.login(world);
      const peer = await logIn(world, normal);
      peer.send(frame(numbered(header(opcode.scsiCommand, 0xa1, 7), 2), NOTHING));
      peer.send(frame(numbered(header(opcode.logout, 0x80 | reason, 8), 1), NOTHING));
      await world.settle();
      await witness.writeAndRead();
      expect(await world.rest([peer], witness.peer)).to.deep.equal([]);
    });
});
