import { expect } from 'chai';
import { LoginStatus, Opcode, nopIn, nopOut, scsiCommand } from '../../../lib/iscsi/index.ts';
import { decode } from '../../../lib/wire/index.ts';
import { TargetWorld } from '../../fakes/target-harness.ts';
import type { RawClient, WorldOptions } from '../../fakes/target-harness.ts';

const HOST = 'iqn.2026-11.test:host';
const TEST_UNIT_READY = Buffer.alloc(16);

async function loggedIn(
  options?: WorldOptions,
): Promise<{ world: TargetWorld; client: RawClient }> {
  const world = new TargetWorld(options);
  const client = world.client();
  expect(await client.login({ name: HOST })).to.equal(LoginStatus.success);
  return { world, client };
}

/** Sends TEST UNIT READY with the client's next CmdSN, or the one given. @returns its tag. */
function testUnitReady(client: RawClient, cmdSn = client.cmdSn++): number {
  const initiatorTaskTag = client.nextTag();
  client.send(scsiCommand, { initiatorTaskTag, cmdSn, cdb: TEST_UNIT_READY });
  return initiatorTaskTag;
}

const tagsOf = (pdus: readonly { header: Buffer }[]): number[] =>
  pdus.map(({ header }) => header.readUInt32BE(16));

describe('A session at the target', () => {
  it('takes the first command with the CmdSN of the login', async () => {
    const { client } = await loggedIn();
    const tag = testUnitReady(client);
    const [response] = await client.received();
    expect(response!.opcode).to.equal(Opcode.scsiResponse);
    expect(tagsOf([response!])).to.deep.equal([tag]);
    expect(response!.header.readUInt32BE(28), 'ExpCmdSN').to.equal(2);
  });

  it('ignores a command whose CmdSN came before, and one beyond the window', async () => {
    const { client } = await loggedIn({ limits: { queueDepth: 4 } });
    testUnitReady(client);
    expect(await client.received()).to.have.length(1);
    testUnitReady(client, 1);
    testUnitReady(client, 2 + 4);
    expect(await client.received()).to.deep.equal([]);
    expect(client.closed).to.equal(false);
    testUnitReady(client, 2);
    expect(await client.received()).to.have.length(1);
  });

  it('holds a command that is ahead of its turn until the one before has come on another connection', async () => {
    const world = new TargetWorld();
    const first = world.client();
    await first.login({ name: HOST, keys: { MaxConnections: '2' } });
    const second = world.client();
    const joined = { name: HOST, tsih: first.tsih, cid: 2, cmdSn: 1 };
    expect(await second.login(joined)).to.equal(LoginStatus.success);
    const later = testUnitReady(second, 2);
    expect(await second.received()).to.deep.equal([]);
    const earlier = testUnitReady(first, 1);
    expect(tagsOf(await first.received())).to.deep.equal([earlier]);
    expect(tagsOf(await second.received())).to.deep.equal([later]);
  });

  it('echoes a NOP-Out with its data and tells nothing to one that wants no answer', async () => {
    const { client } = await loggedIn();
    const data = Buffer.from('are you there');
    const initiatorTaskTag = client.nextTag();
    client.send(nopOut, { immediate: true, initiatorTaskTag, cmdSn: client.cmdSn }, data);
    const [echo] = await client.received();
    expect(echo!.opcode).to.equal(Opcode.nopIn);
    expect(echo!.data).to.deep.equal(data);
    client.send(nopOut, { immediate: true, initiatorTaskTag: 0xffffffff, cmdSn: client.cmdSn });
    expect(await client.received()).to.deep.equal([]);
  });

  it('asks a silent peer whether it lives and drops it when no answer comes', async () => {
    const limits = { nopIntervalMs: 15_000, nopTimeoutMs: 15_000 };
    const { world, client } = await loggedIn({ limits });
    world.timers.advance(16_000);
    const [ping] = await client.received();
    expect(ping!.opcode).to.equal(Opcode.nopIn);
    expect(decode(nopIn, ping!.header).targetTransferTag).to.not.equal(0xffffffff);
    world.timers.advance(17_000);
    expect(client.closed).to.equal(true);
    expect(world.node.sessions()).to.deep.equal([]);
  });

  it('keeps a peer that answers the question', async () => {
    const { world, client } = await loggedIn();
    for (let round = 0; round < 4; round++) {
      world.timers.advance(16_000);
      for (const { header } of await client.received()) {
        const { targetTransferTag } = decode(nopIn, header);
        const initiatorTaskTag = 0xffffffff;
        client.send(nopOut, { immediate: true, initiatorTaskTag, targetTransferTag, cmdSn: 1 });
      }
    }
    expect(client.closed).to.equal(false);
  });
});

describe('Sessions of one initiator', () => {
  it('the same ISID again ends the session before and its connection', async () => {
    const { world, client } = await loggedIn();
    const again = world.client();
    expect(await again.login({ name: HOST })).to.equal(LoginStatus.success);
    expect(client.closed).to.equal(true);
    expect(world.node.sessions()).to.have.length(1);
  });

  it('another ISID is another session', async () => {
    const { world, client } = await loggedIn();
    const other = world.client();
    await other.login({ name: HOST, isid: '800000000002' });
    expect(client.closed).to.equal(false);
    expect(world.node.sessions()).to.have.length(2);
  });

  it('a connection to a session that there is not is refused with 020A', async () => {
    const { world } = await loggedIn();
    const stray = world.client();
    expect(await stray.login({ name: HOST, tsih: 999, cid: 2 })).to.equal(
      LoginStatus.sessionDoesNotExist,
    );
    expect(stray.closed).to.equal(true);
  });

  it('a connection to another initiator’s session is refused with 020A', async () => {
    const { world, client } = await loggedIn();
    const thief = world.client();
    const claim = { name: `${HOST}2`, tsih: client.tsih, cid: 2 };
    expect(await thief.login(claim)).to.equal(LoginStatus.sessionDoesNotExist);
    expect(client.closed).to.equal(false);
  });

  it('one connection more than negotiated is refused with 0206', async () => {
    const { world, client } = await loggedIn();
    const second = world.client();
    const status = await second.login({ name: HOST, tsih: client.tsih, cid: 2 });
    expect(status).to.equal(LoginStatus.tooManyConnections);
  });
});

describe('Logins at the target', () => {
  it('an initiator that is no host is refused with 0202', async () => {
    const world = new TargetWorld();
    world.views.set(HOST, undefined);
    expect(await world.client().login({ name: HOST })).to.equal(LoginStatus.authorizationFailure);
  });

  it('a target that is still loading answers 0301, also to an unknown target name', async () => {
    const world = new TargetWorld();
    world.node.setServing(false);
    const keys = { TargetName: 'iqn.2026-11.io.hawser:other' };
    expect(await world.client().login({ name: HOST })).to.equal(LoginStatus.serviceUnavailable);
    expect(await world.client().login({ name: HOST, keys })).to.equal(
      LoginStatus.serviceUnavailable,
    );
  });

  it('a host with a secret does not get in without proving it', async () => {
    const world = new TargetWorld();
    const chap = { user: 'web1', secret: 'twelve bytes or more' };
    world.views.set(HOST, { ...world.openView(HOST), chap });
    expect(await world.client().login({ name: HOST })).to.equal(LoginStatus.authenticationFailure);
  });

  it('the oldest half-open connection makes room for a newer one', () => {
    const world = new TargetWorld({ limits: { connectionsBeforeLogin: 2 } });
    const clients = [world.client(), world.client(), world.client()];
    expect(clients.map(({ closed }) => closed)).to.deep.equal([true, false, false]);
  });

  it('a login that is not finished in time is closed', () => {
    const world = new TargetWorld();
    const client = world.client();
    world.timers.advance(17_000);
    expect(client.closed).to.equal(true);
  });

  it('anything but a login request before login closes the connection', () => {
    const world = new TargetWorld();
    const client = world.client();
    client.send(scsiCommand, { cdb: TEST_UNIT_READY });
    expect(client.closed).to.equal(true);
  });
});
