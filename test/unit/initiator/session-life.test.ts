import { expect } from 'chai';
import { CommandOutcome } from '../../../lib/initiator/index.ts';
import type { ManagementResult } from '../../../lib/initiator/index.ts';
import {
  AsyncEvent,
  asyncMessage,
  encodeTextKeys,
  logoutResponse,
  nopIn,
  nopOut,
  Opcode,
  reject,
  RejectReason,
  scsiResponse,
  TaskManagementFunction,
  taskManagementRequest,
  taskManagementResponse,
  textRequest,
  textResponse,
} from '../../../lib/iscsi/index.ts';
import { decode } from '../../../lib/wire/index.ts';
import { command, ScriptedTarget, tagOf } from './scripted-target.ts';

const turn = (): Promise<void> => new Promise((resolve) => queueMicrotask(resolve));

function loggedIn(answers: Record<string, string> = {}): ScriptedTarget {
  const target = new ScriptedTarget(answers);
  target.login();
  return target;
}

describe('initiator session: task management', () => {
  it('aborts a command at the target and ends it as aborted', () => {
    const target = loggedIn();
    const one = command({});
    target.session.submit(one);
    const tag = tagOf(target.next(Opcode.scsiCommand));
    target.session.abort(one);
    const pdu = target.next(Opcode.taskManagementRequest);
    const request = decode(taskManagementRequest, pdu.header);
    expect(request.function).to.equal(TaskManagementFunction.abortTask);
    expect([request.referencedTaskTag, request.refCmdSn]).to.deep.equal([tag, one.cmdSn]);
    expect(one.ends).to.equal(0);
    const initiatorTaskTag = tagOf(pdu);
    target.send(taskManagementResponse, { initiatorTaskTag, statSn: target.statSn++ });
    expect([one.ends, one.outcome]).to.deep.equal([1, CommandOutcome.aborted]);
  });

  it('lets the command end by itself where its answer was faster', () => {
    const target = loggedIn();
    const one = command({});
    target.session.submit(one);
    const tag = tagOf(target.next(Opcode.scsiCommand));
    target.session.abort(one);
    const pdu = target.next(Opcode.taskManagementRequest);
    target.good(tag);
    const answer = { initiatorTaskTag: tagOf(pdu), statSn: target.statSn++, response: 1 };
    target.send(taskManagementResponse, answer);
    expect([one.ends, one.outcome]).to.deep.equal([1, CommandOutcome.answered]);
    expect(target.ends).to.have.length(0);
  });

  it('takes back a command that the window still holds', async () => {
    const target = new ScriptedTarget();
    target.maxCmdSn = 0;
    target.login();
    const one = command({});
    target.session.submit(one);
    target.session.abort(one);
    expect(one.ends).to.equal(0);
    await turn();
    expect([one.ends, one.outcome, one.sent]).to.deep.equal([1, CommandOutcome.aborted, false]);
    target.flush();
    expect(target.sent).to.have.length(0);
  });

  it('drops data of an aborted command that was still on its way', () => {
    const target = loggedIn();
    const memory = Buffer.alloc(16);
    const one = command({ in: memory });
    target.session.submit(one);
    const tag = tagOf(target.next(Opcode.scsiCommand));
    target.session.abort(one);
    const pdu = target.next(Opcode.taskManagementRequest);
    target.send(taskManagementResponse, { initiatorTaskTag: tagOf(pdu), statSn: target.statSn++ });
    target.dataIn(tag, Buffer.alloc(16, 1), { statusPresent: true });
    expect(memory.every((byte) => byte === 0)).to.equal(true);
    expect([one.ends, target.ends.length]).to.deep.equal([1, 0]);
  });

  it('drops the session where the target does not answer an abort', async () => {
    const target = loggedIn();
    const one = command({});
    target.session.submit(one);
    target.session.abort(one);
    for (let second = 0; second < 15; second++) {
      target.timers.advance(1_000);
      target.ping();
    }
    await turn();
    expect([one.ends, one.outcome]).to.deep.equal([1, CommandOutcome.sessionLost]);
    expect(target.ends[0]!.kind).to.equal('connectionLost');
  });

  it('ends every command of a unit that was reset, and no other', () => {
    const target = loggedIn();
    const [one, other] = [command({}), command({})];
    one.lunHigh = 0x0001_0000;
    other.lunHigh = 0x0002_0000;
    target.session.submit(one);
    target.session.submit(other);
    target.next(Opcode.scsiCommand);
    target.next(Opcode.scsiCommand);
    const results: ManagementResult[] = [];
    target.session.resetUnit(0x0001_0000, 0, (result) => results.push(result));
    const pdu = target.next(Opcode.taskManagementRequest);
    target.send(taskManagementResponse, { initiatorTaskTag: tagOf(pdu), statSn: target.statSn++ });
    expect([one.ends, other.ends, results[0]!.response]).to.deep.equal([1, 0, 0]);
  });
});

describe('initiator session: keep-alive', () => {
  it('answers a NOP-In that asks', () => {
    const target = loggedIn();
    target.ping();
    const answer = decode(nopOut, target.next(Opcode.nopOut).header);
    expect([answer.initiatorTaskTag, answer.targetTransferTag]).to.deep.equal([0xffff_ffff, 77]);
  });

  it('pings after silence and stays when the target answers', () => {
    const target = loggedIn();
    target.timers.advance(10_000);
    const ping = target.next(Opcode.nopOut);
    target.send(nopIn, { initiatorTaskTag: tagOf(ping), statSn: target.statSn++ });
    target.timers.advance(5_000);
    expect(target.ends).to.have.length(0);
  });

  it('gives a silent target up', async () => {
    const target = loggedIn();
    const one = command({});
    target.session.submit(one);
    target.timers.advance(15_000);
    await turn();
    expect(target.ends.map(({ kind }) => kind)).to.deep.equal(['connectionLost']);
    expect([one.ends, one.outcome, one.sent]).to.deep.equal([1, CommandOutcome.sessionLost, true]);
  });

  it('gives a login up that does not end', async () => {
    const target = new ScriptedTarget();
    target.timers.advance(15_000);
    await turn();
    expect(target.ends.map(({ kind }) => kind)).to.deep.equal(['loginFailed']);
  });
});

describe('initiator session: the end', () => {
  it('logs out and closes the connection when the target has answered', async () => {
    const target = loggedIn();
    target.session.logout();
    const pdu = target.next(Opcode.logoutRequest);
    expect(target.closed).to.equal(false);
    target.send(logoutResponse, { initiatorTaskTag: tagOf(pdu), statSn: target.statSn++ });
    await turn();
    expect([target.closed, target.ends[0]!.kind]).to.deep.equal([true, 'loggedOut']);
  });

  it('closes without an answer to the logout after a while', async () => {
    const target = loggedIn();
    target.session.logout();
    target.timers.advance(3_000);
    await turn();
    expect(target.ends[0]!.kind).to.equal('loggedOut');
  });

  it('logs out when the target asks for it', () => {
    const target = loggedIn();
    const event = AsyncEvent.logoutRequest;
    target.send(asyncMessage, { event, parameter3: 3, statSn: target.statSn++ });
    target.next(Opcode.logoutRequest);
    expect(target.messages.map((message) => message.event)).to.deep.equal([event]);
  });

  it('ends what is outstanding, waiting or asked when the network is gone', async () => {
    const target = new ScriptedTarget();
    target.maxCmdSn = 1;
    target.login();
    const [sent, waiting] = [command({}), command({})];
    target.session.submit(sent);
    target.session.submit(waiting);
    const text = target.session.text([{ key: 'SendTargets', value: 'All' }]);
    target.flush();
    target.cut();
    expect([sent.ends, sent.sent]).to.deep.equal([1, true]);
    expect([waiting.ends, waiting.sent]).to.deep.equal([1, false]);
    const failure = await text.catch((error: Error) => error);
    expect(failure).to.have.property('kind', 'unreachable');
  });

  it('ends a command that is submitted afterwards, but not from inside submit', async () => {
    const target = loggedIn();
    target.cut();
    const one = command({});
    target.session.submit(one);
    expect(one.ends).to.equal(0);
    await turn();
    expect([one.ends, one.outcome, one.sent]).to.deep.equal([1, CommandOutcome.sessionLost, false]);
  });

  it('tells its owner once', async () => {
    const target = loggedIn();
    target.session.drop('test');
    target.session.drop('again');
    target.session.logout();
    await turn();
    expect(target.ends.map(({ kind }) => kind)).to.deep.equal(['dropped']);
  });
});

describe('initiator session: text', () => {
  it('asks for the rest of an answer with the same task tag', async () => {
    const target = loggedIn();
    const answer = target.session.text([{ key: 'SendTargets', value: 'All' }]);
    const question = target.next(Opcode.textRequest);
    const text = encodeTextKeys([{ key: 'TargetName', value: 'iqn.2026-11.org.example:disk' }]);
    const initiatorTaskTag = tagOf(question);
    const first = { initiatorTaskTag, targetTransferTag: 5, statSn: target.statSn++ };
    target.send(textResponse, { ...first, continued: true }, text.subarray(0, 11));
    const more = target.next(Opcode.textRequest);
    expect(decode(textRequest, more.header)).to.include({ initiatorTaskTag, targetTransferTag: 5 });
    const last = { initiatorTaskTag, statSn: target.statSn++, final: true };
    target.send(textResponse, last, text.subarray(11));
    expect(await answer).to.deep.equal([
      { key: 'TargetName', value: 'iqn.2026-11.org.example:disk' },
    ]);
  });
});

describe('initiator session: a target that breaks the protocol', () => {
  interface Violation {
    readonly name: string;
    readonly play: (target: ScriptedTarget, tag: number) => void;
  }
  const violations: Violation[] = [
    {
      name: 'Data-In outside the memory of its command',
      play: (target, tag) => target.dataIn(tag, Buffer.alloc(16), { bufferOffsetBytes: 500 }),
    },
    {
      name: 'Data-In with a number left out',
      play: (target, tag) => target.dataIn(tag, Buffer.alloc(16), { dataSn: 1 }),
    },
    {
      name: 'an R2T for data that the command has not',
      play: (target, tag) => target.r2t(tag, { desiredLengthBytes: 16 }),
    },
    {
      name: 'an R2T for nothing',
      play: (target, tag) => target.r2t(tag, { desiredLengthBytes: 0 }),
    },
    {
      name: 'a PDU that only initiators send',
      play: (target) => target.send(nopOut, {}),
    },
    {
      name: 'a data segment longer than declared',
      play: (target) => target.sendBytes(Buffer.from([0x24, 0x80, 0, 0, 0, 0xff, 0, 0, ...zeros])),
    },
  ];
  const zeros = new Array<number>(40).fill(0);

  for (const { name, play } of violations) {
    it(`ends the session at ${name}`, async () => {
      const target = loggedIn();
      const memory = Buffer.alloc(512 + 512);
      const one = command({ in: memory.subarray(0, 512) });
      target.session.submit(one);
      play(target, tagOf(target.next(Opcode.scsiCommand)));
      await turn();
      expect(target.ends.map(({ kind }) => kind)).to.deep.equal(['protocolError']);
      expect([one.ends, one.outcome]).to.deep.equal([1, CommandOutcome.sessionLost]);
      expect(memory.every((byte) => byte === 0)).to.equal(true);
    });
  }

  for (const digest of ['header', 'data'] as const) {
    it(`ends the session at a wrong ${digest} digest`, async () => {
      const target = new ScriptedTarget(
        { HeaderDigest: 'CRC32C', DataDigest: 'CRC32C' },
        { headerDigest: ['CRC32C'], dataDigest: ['CRC32C'] },
      );
      target.login();
      const one = command({ in: Buffer.alloc(512) });
      target.session.submit(one);
      const initiatorTaskTag = tagOf(target.next(Opcode.scsiCommand));
      const sense = Buffer.alloc(20, 1);
      target.send(scsiResponse, { initiatorTaskTag, statSn: target.statSn++ }, sense, (bytes) => {
        bytes[digest === 'header' ? 20 : 60]! ^= 1;
      });
      await turn();
      expect(target.ends.map(({ kind }) => kind)).to.deep.equal(['protocolError']);
    });
  }

  it('ends a command that the target rejects', () => {
    const target = loggedIn();
    const one = command({});
    target.session.submit(one);
    const { header } = target.next(Opcode.scsiCommand);
    const reason = RejectReason.invalidPduField;
    target.send(reject, { reason, statSn: target.statSn++ }, header);
    expect([one.ends, one.outcome]).to.deep.equal([1, CommandOutcome.transportError]);
    expect(one.detail).to.contain('invalidPduField');
  });
});
