import { expect } from 'chai';
import { RawClient } from './raw-client.ts';
import type { CommandResult, LoginOptions } from './raw-client.ts';
import { taskFunction } from './raw-pdu.ts';
import * as cdb from './support/cdb.ts';
import { TargetService, UNIT_IQN } from './support/service.ts';

const A = 'iqn.1993-08.org.debian:01:a';
const B = 'iqn.1993-08.org.debian:01:b';
const SECRETS = { 'a.secret': 'the-secret-of-host-a', 'b.secret': 'the-secret-of-host-b' };
const chapA = { user: 'a', secret: SECRETS['a.secret'] };
const chapB = { user: 'b', secret: SECRETS['b.secret'] };

const LUN_A = 0;
const LUN_B = 1;
const LUN_SHARED = 2;
const LUN_READ_ONLY = 3;
const BLOCK_BYTES = 512;

const GOOD = 0x00;
const CHECK_CONDITION = 0x02;
const RESERVATION_CONFLICT = 0x18;
const ILLEGAL_REQUEST = 0x5;
const DATA_PROTECT = 0x7;
const LUN_NOT_SUPPORTED = 0x2500;
const AUTHENTICATION_FAILED = 0x0201;
const SESSION_DOES_NOT_EXIST = 0x020a;
const TASK_DOES_NOT_EXIST = 1;
const LUN_DOES_NOT_EXIST = 2;
const IN_USE = 5;

const config = {
  // the raw client doesn't log out when it is asked to
  limits: { drainTimeout: '1s' },
  hosts: {
    a: { iqn: A, chap: { user: 'a', secretFile: 'a.secret' } },
    b: { iqn: B, chap: { user: 'b', secretFile: 'b.secret' } },
  },
  partitions: {
    'private-a': { size: '16MiB', lun: LUN_A, hosts: { a: 'rw' } },
    'private-b': { size: '16MiB', lun: LUN_B, hosts: { b: 'rw' } },
    shared: { size: '16MiB', lun: LUN_SHARED, shared: 'cluster', hosts: { a: 'rw', b: 'rw' } },
    'read-only': { size: '16MiB', lun: LUN_READ_ONLY, hosts: { b: 'ro' } },
  },
};

const loginA: LoginOptions = {
  initiatorName: A,
  targetName: UNIT_IQN,
  isid: '80000000000a',
  chap: chapA,
};
const loginB: LoginOptions = {
  initiatorName: B,
  targetName: UNIT_IQN,
  isid: '80000000000b',
  chap: chapB,
};

const pattern = (byte: number): Buffer => Buffer.alloc(BLOCK_BYTES, byte);

describe('isolation of two hosts', () => {
  let target: TargetService;
  let a: RawClient;
  let b: RawClient;

  before(async () => {
    target = await TargetService.start(config, SECRETS);
  });

  after(() => target?.dispose());

  /** Takes the unit attentions that a new session finds. */
  async function settle(client: RawClient, luns: readonly number[]): Promise<void> {
    for (const lun of luns)
      for (let attempt = 0; attempt < 4; attempt++)
        if ((await client.command(cdb.testUnitReady, { lun })).status === GOOD) break;
  }

  beforeEach(async () => {
    a = await RawClient.session(target.port, loginA);
    b = await RawClient.session(target.port, loginB);
    await settle(a, [LUN_A, LUN_SHARED]);
    await settle(b, [LUN_B, LUN_SHARED, LUN_READ_ONLY]);
    await write(a, LUN_A, 0xaa);
  });

  afterEach(() => {
    a?.destroy();
    b?.destroy();
  });

  const write = (client: RawClient, lun: number, byte: number): Promise<CommandResult> =>
    client.command(cdb.write10(0, 1), { lun, out: pattern(byte) });
  const read = (client: RawClient, lun: number): Promise<CommandResult> =>
    client.command(cdb.read10(0, 1), { lun, inBytes: BLOCK_BYTES });

  /** Host A's disk holds what A wrote, and A's session never noticed anything. */
  async function undisturbed(): Promise<void> {
    expect(await a.ping()).to.equal(true);
    const result = await read(a, LUN_A);
    expect(result).to.deep.include({ status: GOOD });
    expect(result.data.equals(pattern(0xaa))).to.equal(true);
    expect(a.unread).to.deep.equal([]);
  }

  const refusedAsAbsent = {
    status: CHECK_CONDITION,
    senseKey: ILLEGAL_REQUEST,
    asc: LUN_NOT_SUPPORTED,
  };

  it('each sees its own disks and the shared one', async () => {
    const luns = async (client: RawClient): Promise<number[]> =>
      cdb.lunsOf((await client.command(cdb.reportLuns(), { inBytes: 4096 })).data);
    expect(await luns(a)).to.deep.equal([LUN_A, LUN_SHARED]);
    expect(await luns(b)).to.deep.equal([LUN_B, LUN_SHARED, LUN_READ_ONLY]);
  });

  it('each is told its own partitions and rights', async () => {
    const listing = async (client: RawClient): Promise<string> =>
      (await client.text({ 'X-io.hawser.Partitions': 'All' }))[0]![1];
    const size = 16 * 1024 * 1024;
    expect(await listing(a)).to.equal(`v1,2,private-a/0/${size}/512/rw,shared/2/${size}/512/rw`);
    expect(await listing(b)).to.equal(
      `v1,3,private-b/1/${size}/512/rw,shared/2/${size}/512/rw,read-only/3/${size}/512/ro`,
    );
  });

  for (const lun of [LUN_A, 4, 255, 256, 16_383])
    it(`reads, writes and reservations of LUN ${lun}, guessed, find nothing`, async () => {
      expect(await read(b, lun)).to.deep.include(refusedAsAbsent);
      expect(await write(b, lun, 0xbb)).to.deep.include(refusedAsAbsent);
      expect(await b.command(cdb.testUnitReady, { lun })).to.deep.include(refusedAsAbsent);
      const out = cdb.reserveParameters(0n, 7n);
      expect(await b.command(cdb.persistentReserveOut(0), { lun, out })).to.deep.include(
        refusedAsAbsent,
      );
      await undisturbed();
    });

  it('INQUIRY of a guessed LUN says that nothing is there', async () => {
    const { status, data } = await b.command(cdb.inquiry(), { lun: LUN_A, inBytes: 252 });
    expect([status, data[0]]).to.deep.equal([GOOD, 0x7f]);
  });

  it('task management of a guessed LUN finds nothing', async () => {
    for (const code of [
      taskFunction.abortTaskSet,
      taskFunction.clearTaskSet,
      taskFunction.logicalUnitReset,
    ])
      expect(await b.taskManagement(code, LUN_A), `function ${code}`).to.equal(LUN_DOES_NOT_EXIST);
    await undisturbed();
  });

  it("ABORT TASK does not reach another host's task by its tag", async () => {
    expect(await b.taskManagement(taskFunction.abortTask, LUN_SHARED, 1)).to.equal(
      TASK_DOES_NOT_EXIST,
    );
    await undisturbed();
  });

  it('writes to a read-only partition are refused', async () => {
    expect(await write(b, LUN_READ_ONLY, 0xbb)).to.deep.include({
      status: CHECK_CONDITION,
      senseKey: DATA_PROTECT,
      asc: 0x2700,
    });
    expect(await read(b, LUN_READ_ONLY)).to.deep.include({ status: GOOD });
  });

  describe('a login', () => {
    const outcome = async (options: LoginOptions): Promise<number> => {
      const client = await RawClient.connect(target.port);
      const { status } = await client.login(options);
      await client.closed;
      return status;
    };

    it('with a wrong CHAP name is refused', async () => {
      const chap = { user: 'c', secret: SECRETS['a.secret'] };
      expect(await outcome({ ...loginA, chap })).to.equal(AUTHENTICATION_FAILED);
      await undisturbed();
    });

    it("with A's name and B's credentials is refused", async () => {
      expect(await outcome({ ...loginA, chap: chapB })).to.equal(AUTHENTICATION_FAILED);
      await undisturbed();
    });

    it("with A's name in capitals and B's credentials is refused", async () => {
      const initiatorName = A.toUpperCase();
      expect(await outcome({ ...loginA, initiatorName, chap: chapB })).to.equal(
        AUTHENTICATION_FAILED,
      );
    });

    it("that would reinstate A's session, without authentication, is refused", async () => {
      const { chap, ...unauthenticated } = loginA;
      expect(chap).to.not.equal(undefined);
      expect(await outcome(unauthenticated)).to.equal(AUTHENTICATION_FAILED);
      await undisturbed();
    });

    it("that would join A's session, without authentication, is refused", async () => {
      const { chap, ...unauthenticated } = { ...loginA, tsih: a.tsih, cid: 1 };
      expect(chap).to.not.equal(undefined);
      expect(await outcome(unauthenticated)).to.not.equal(0);
      await undisturbed();
    });

    it("of B into A's session is refused", async () => {
      expect(await outcome({ ...loginB, tsih: a.tsih, cid: 1 })).to.equal(SESSION_DOES_NOT_EXIST);
      await undisturbed();
    });

    it("of B over A's connection is refused", async () => {
      const stolen = { ...loginB, isid: loginA.isid!, tsih: a.tsih, cid: 0 };
      expect(await outcome(stolen)).to.equal(SESSION_DOES_NOT_EXIST);
      await undisturbed();
    });

    it("of B with A's ISID makes a session of B's own", async () => {
      const other = await RawClient.session(target.port, { ...loginB, isid: loginA.isid! });
      await undisturbed();
      other.destroy();
    });

    it('into a session that has ended is refused', async () => {
      const { tsih } = b;
      await b.logout();
      await b.closed;
      expect(await outcome({ ...loginB, tsih, cid: 1 })).to.equal(SESSION_DOES_NOT_EXIST);
    });
  });

  it('a cold reset ends the sessions of its sender only', async () => {
    await b.taskManagement(taskFunction.targetColdReset).catch(() => undefined);
    await b.closed;
    await undisturbed();
  });

  it('a warm reset does not touch the disks of others', async () => {
    expect(await b.taskManagement(taskFunction.targetWarmReset)).to.equal(0);
    await undisturbed();
  });

  it('a reset of the shared disk is told to the other host, on that disk only', async () => {
    expect(await b.taskManagement(taskFunction.logicalUnitReset, LUN_SHARED)).to.equal(0);
    const first = await a.command(cdb.testUnitReady, { lun: LUN_SHARED });
    expect(first).to.deep.include({ status: CHECK_CONDITION, senseKey: 0x6, asc: 0x2903 });
    await undisturbed();
  });

  describe('EXTENDED COPY', () => {
    const naa = async (client: RawClient, lun: number): Promise<Buffer> =>
      cdb.naaOf((await client.command(cdb.inquiry(0x83), { lun, inBytes: 252 })).data);

    it("does not read another host's disk by its NAA", async () => {
      const { cdb: copy, out } = cdb.extendedCopy(await naa(a, LUN_A), await naa(b, LUN_SHARED), 1);
      await write(b, LUN_SHARED, 0x55);
      const result = await b.command(copy, { lun: LUN_SHARED, out });
      expect(result.status).to.equal(CHECK_CONDITION);
      expect((await read(b, LUN_SHARED)).data.equals(pattern(0x55))).to.equal(true);
    });

    it("does not write another host's disk by its NAA", async () => {
      const { cdb: copy, out } = cdb.extendedCopy(await naa(b, LUN_B), await naa(a, LUN_A), 1);
      expect((await b.command(copy, { lun: LUN_B, out })).status).to.equal(CHECK_CONDITION);
      await undisturbed();
    });

    it('does not write a read-only disk by its NAA', async () => {
      const from = await naa(b, LUN_B);
      const { cdb: copy, out } = cdb.extendedCopy(from, await naa(b, LUN_READ_ONLY), 1);
      await write(b, LUN_B, 0x77);
      expect((await b.command(copy, { lun: LUN_B, out })).status).to.equal(CHECK_CONDITION);
      expect((await read(b, LUN_READ_ONLY)).data.equals(pattern(0x77))).to.equal(false);
    });

    it('copies between disks of one host', async () => {
      await write(b, LUN_B, 0x66);
      const { cdb: copy, out } = cdb.extendedCopy(await naa(b, LUN_B), await naa(b, LUN_SHARED), 1);
      expect((await b.command(copy, { lun: LUN_B, out })).status).to.equal(GOOD);
      expect((await read(a, LUN_SHARED)).data.equals(pattern(0x66))).to.equal(true);
    });
  });

  it('a reservation of one host on the shared disk holds against the other', async () => {
    const register = { lun: LUN_SHARED, out: cdb.reserveParameters(0n, 0xan) };
    const reserve = { lun: LUN_SHARED, out: cdb.reserveParameters(0xan, 0n) };
    expect((await a.command(cdb.persistentReserveOut(6), register)).status).to.equal(GOOD);
    expect((await a.command(cdb.persistentReserveOut(1, 1), reserve)).status).to.equal(GOOD);
    expect((await write(b, LUN_SHARED, 0xbb)).status).to.equal(RESERVATION_CONFLICT);
    expect((await b.command(cdb.persistentReserveOut(3), reserve)).status).to.equal(
      RESERVATION_CONFLICT,
    );
    expect((await a.command(cdb.persistentReserveOut(3), reserve)).status).to.equal(GOOD);
  });

  describe('an administrator', () => {
    it('does not give a LUN number away while a session has seen it', async () => {
      const create = ['partition', 'create', 'thief', '--size', '16MiB', '--lun', '10'];
      await target.command('partition', 'create', 'victim', '--size', '16MiB', '--lun', '10');
      await target.command('partition', 'assign', 'victim', 'a', 'rw');
      expect((await read(a, 10)).status).to.be.oneOf([GOOD, CHECK_CONDITION]);
      const refused = await target.attempt('partition', 'delete', 'victim', '--yes');
      expect(refused.code, refused.stderr).to.equal(IN_USE);
      await target.command('partition', 'delete', 'victim', '--yes', '--force');
      expect(await read(a, 10)).to.deep.include(refusedAsAbsent);
      expect((await target.attempt(...create)).code).to.equal(IN_USE);
      a.destroy();
      await a.closed;
      await target.command(...create);
    });

    it('takes an assignment away at once, with the registrations', async () => {
      await target.command('partition', 'create', 'lent', '--size', '16MiB', '--lun', '11');
      await target.command('partition', 'assign', 'lent', 'b', 'rw');
      await settle(b, [11]);
      const register = { lun: 11, out: cdb.reserveParameters(0n, 0xbn) };
      expect((await b.command(cdb.persistentReserveOut(6), register)).status).to.equal(GOOD);
      expect((await write(b, 11, 0xbb)).status).to.equal(GOOD);
      await target.command('partition', 'unassign', 'lent', 'b');
      expect(await read(b, 11)).to.deep.include(refusedAsAbsent);
      await target.command('partition', 'assign', 'lent', 'a', 'rw');
      await settle(a, [11]);
      const keys = await a.command(cdb.readKeys(), { lun: 11, inBytes: 1024 });
      expect(keys.data.readUInt32BE(4)).to.equal(0);
    });

    it('a restart does not give access back', async () => {
      expect(await target.stop()).to.equal(0);
      await target.launch();
      b = await RawClient.session(target.port, loginB);
      expect(await read(b, 11)).to.deep.include(refusedAsAbsent);
      a = await RawClient.session(target.port, loginA);
      await settle(a, [LUN_A]);
      await settle(b, [LUN_B]);
    });
  });
});
