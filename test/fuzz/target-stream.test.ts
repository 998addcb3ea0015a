import { expect } from 'chai';
import { fuzz } from './fuzz-run.ts';
import type { FuzzProgress } from './fuzz-run.ts';
import { FuzzWorld } from './fuzz-world.ts';
import { Witness } from './witness.ts';

const DURATION_MS = 1_000 * Number(process.env['FUZZ_SECONDS'] ?? 4);
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000_000);
const HEAP_GROWTH_BYTES_MAX = 64 * 1024 * 1024;

describe(`a target under mutated streams (FUZZ_SEED=${seed})`, function () {
  this.timeout(DURATION_MS + 60_000);
  let progress: FuzzProgress;

  before('neither crashes nor hangs nor disturbs another session', async () => {
    progress = await fuzz(seed, { pdus: Infinity, durationMs: DURATION_MS });
    console.log(`      ${progress.pdus} PDUs, ${progress.sessions} sessions`);
  });

  it('is reached by most of the fuzzer, behind the login', () => {
    expect(progress.sessions).to.be.greaterThan(progress.lives / 2);
  });

  it('holds no more memory at the end than at the beginning', () => {
    const growth = progress.heapBytes - progress.heapBytesAtFirstWorld;
    expect(growth).to.be.lessThan(HEAP_GROWTH_BYTES_MAX);
  });
});

describe('the fuzzer itself', () => {
  it('notices memory that is not given back', async () => {
    const world = new FuzzWorld(1);
    const witness = await Witness.login(world);
    world.buffers.acquire(4096);
    expect(await world.rest([], witness.peer)).to.deep.equal(['4096 bytes of memory held']);
  });

  it('notices a session that does not end', async () => {
    const world = new FuzzWorld(1);
    const witness = await Witness.login(world);
    const [session] = world.node.sessionTable;
    world.node.sessionTable.add(Object.create(session!, { identity: { value: lostIdentity } }));
    expect(await world.rest([], witness.peer)).to.deep.equal(['2 sessions instead of 1']);
  });

  it('notices a witness that is disturbed', async () => {
    const world = new FuzzWorld(1);
    const witness = await Witness.login(world);
    await witness.writeAndRead();
    for (const session of world.node.sessionTable)
      await world.node.dropSession(session.identity.tsih);
    const outcome = await witness.writeAndRead().catch((error: Error) => error.message);
    expect(outcome).to.match(/witness was disconnected/);
  });
});

const lostIdentity = {
  tsih: 4_711,
  initiatorName: 'iqn.2026-11.test:lost',
  isid: Buffer.from('800000000001', 'hex'),
  type: 'normal',
};
