import { expect } from 'chai';
import {
  LogoutReason,
  Opcode,
  RESERVED_TAG,
  RejectReason,
  SnackType,
  loginRequest,
  logoutRequest,
  nopIn,
  scsiCommand,
  snackRequest,
} from '../../lib/iscsi/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import { Peer, expectAtRest, opcodesOf } from './support/peer.ts';
import type { Pdu } from './support/peer.ts';

async function connected(): Promise<{ world: TargetWorld; peer: Peer }> {
  const world = new TargetWorld();
  return { world, peer: await new Peer(world).connect() };
}

function expectReject(pdu: Pdu | undefined, reason: RejectReason, sent: Buffer): void {
  expect(pdu?.opcode).to.equal(Opcode.reject);
  expect(pdu!.header[2], 'reason').to.equal(reason);
  expect(pdu!.tag, 'ITT').to.equal(RESERVED_TAG);
  expect(pdu!.data.equals(sent.subarray(0, 48)), 'the header refused').to.equal(true);
}

describe('Reject (rules 27, 56)', () => {
  it('carries the header refused, uses up a StatSN, and the connection goes on', async () => {
    const { peer } = await connected();
    const statSn = peer.expStatSn;
    const sent = peer.bytesOf(snackRequest, { type: SnackType.status, begRun: 1, runLength: 1 });
    peer.sendBytes(sent);
    const rejected = await peer.answer();
    expectReject(rejected, RejectReason.snackReject, sent);
    expect(rejected.statSn).to.equal(statSn);
    peer.testUnitReady();
    expect((await peer.answer()).statSn).to.equal(statSn + 1);
  });

  for (const type of Object.values(SnackType)) {
    it(`is the answer to SNACK type ${type} at error recovery level 0`, async () => {
      const { peer } = await connected();
      const sent = peer.bytesOf(snackRequest, { type, initiatorTaskTag: 3, targetTransferTag: 4 });
      peer.sendBytes(sent);
      expectReject(await peer.answer(), RejectReason.snackReject, sent);
    });
  }

  it('is the answer to the tag of a task that is there, which goes on', async () => {
    const { peer } = await connected();
    const tag = peer.write(8);
    await peer.received();
    const cmdSn = peer.cmdSn;
    const sent = peer.bytesOf(scsiCommand, { initiatorTaskTag: tag, cmdSn });
    peer.sendBytes(sent);
    const rejected = await peer.answer();
    expectReject(rejected, RejectReason.taskInProgress, sent);
    expect(rejected.expCmdSn, 'the command counts as not received').to.equal(cmdSn);
    peer.testUnitReady(cmdSn);
    const filled = await peer.answer();
    expect([filled.opcode, filled.expCmdSn]).to.deep.equal([Opcode.scsiResponse, cmdSn + 1]);
  });

  it('is the answer to the reserved tag', async () => {
    const { world, peer } = await connected();
    const value = { initiatorTaskTag: RESERVED_TAG, cmdSn: peer.cmdSn };
    const sent = peer.bytesOf(scsiCommand, value);
    peer.sendBytes(sent);
    expectReject(await peer.answer(), RejectReason.invalidPduField, sent);
    peer.testUnitReady();
    expect((await peer.answer()).header[3]).to.equal(0);
    expectAtRest(world);
  });

  for (const [what, ahs] of [
    ['of an unknown type', '0005630000001000'],
    ['cut short', '00ff020000001000'],
    ['of no length', '0000020000001000'],
  ] as const) {
    it(`is the answer to an additional header segment ${what}`, async () => {
      const { world, peer } = await connected();
      const cmdSn = peer.cmdSn;
      const value = { initiatorTaskTag: peer.nextTag(), cmdSn, totalAhsLengthWords: 2 };
      const header = peer.bytesOf(scsiCommand, value);
      peer.sendBytes(Buffer.concat([header, Buffer.from(ahs, 'hex')]));
      const rejected = await peer.answer();
      expectReject(rejected, RejectReason.invalidPduField, header);
      expect(rejected.expCmdSn).to.equal(cmdSn);
      peer.testUnitReady();
      await peer.received();
      expectAtRest(world);
    });
  }

  it('is the answer to a login request in full feature phase', async () => {
    const { peer } = await connected();
    const cmdSn = peer.cmdSn;
    const sent = peer.bytesOf(loginRequest, { initiatorTaskTag: 9, cmdSn });
    peer.sendBytes(sent);
    expectReject(await peer.answer(), RejectReason.protocolError, sent);
    peer.testUnitReady(cmdSn);
    expect((await peer.answer()).opcode).to.equal(Opcode.scsiResponse);
  });

  it('is the answer to a logout for no reason that is known', async () => {
    const { world, peer } = await connected();
    const value = { reason: LogoutReason.removeForRecovery + 1, immediate: true };
    const sent = peer.bytesOf(logoutRequest, { ...value, initiatorTaskTag: 9, cmdSn: peer.cmdSn });
    peer.sendBytes(sent);
    expectReject(await peer.answer(), RejectReason.invalidPduField, sent);
    expect(world.node.sessions()).to.have.length(1);
  });

  it('of a command that came early leaves its place free', async () => {
    const { world, peer } = await connected();
    const tag = peer.write(8);
    await peer.received();
    const cmdSn = peer.cmdSn;
    peer.send(scsiCommand, { initiatorTaskTag: tag, cmdSn: cmdSn + 1 });
    expect(opcodesOf(await peer.received())).to.deep.equal([Opcode.reject]);
    peer.testUnitReady(cmdSn + 1);
    peer.testUnitReady(cmdSn);
    expect(await peer.received()).to.have.length(2);
    peer.cut();
    await peer.received();
    expectAtRest(world);
  });
});

describe('A PDU that makes no sense', () => {
  for (const [what, opcode] of [
    ['an opcode that no PDU has', 0x1f],
    ['another', 0x07],
    ['a PDU of targets', Opcode.nopIn],
    ['a SCSI Response', Opcode.scsiResponse],
  ] as const) {
    it(`with ${what} is rejected, and ends the connection`, async () => {
      const { world, peer } = await connected();
      const header = peer.bytesOf(nopIn, {});
      header[0] = opcode;
      peer.sendBytes(header);
      const [rejected, ...more] = await peer.received();
      expectReject(rejected, RejectReason.commandNotSupported, header);
      expect(more).to.deep.equal([]);
      expect(peer.closed).to.equal(true);
      expectAtRest(world);
    });
  }

  it('with a data segment longer than MaxRecvDataSegmentLength ends the connection', async () => {
    const { world, peer } = await connected();
    const value = { initiatorTaskTag: 7, cmdSn: peer.cmdSn, dataSegmentLengthBytes: 0xffffff };
    const header = peer.bytesOf(scsiCommand, value);
    peer.sendBytes(header);
    const [rejected] = await peer.received();
    expectReject(rejected, RejectReason.protocolError, header);
    expect(peer.closed).to.equal(true);
    expectAtRest(world);
  });
});
