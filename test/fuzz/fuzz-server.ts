/** The fuzzer against a real server over sockets. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { SeededRandom } from '../../lib/base/index.ts';
import { RawClient } from '../interop/raw-client.ts';
import { RawFramer } from '../interop/raw-pdu.ts';
import type { RawPdu } from '../interop/raw-pdu.ts';
import { read10, testUnitReady, write10 } from '../interop/support/cdb.ts';
import { TargetService, UNIT_IQN } from '../interop/support/service.ts';
import { FUZZ_HOST, WITNESS_HOST } from './fuzz-world.ts';
import { freshState, PduSource } from './pdu-source.ts';

const PEERS = 8;
const PDUS_PER_LIFE_MAX = 128;
/** A life with many broken PDUs is short, one with few gets deep. */
const MUTATED_ONE_IN = [3, 16, 100];
const ANSWER_MS = 20;
const HALF_OPEN_AT_ONCE = 250;
/** Until then V8 grows its heap to what it finds comfortable. */
const WARM_UP_SHARE = 0.4;
const RSS_GROWTH_BYTES_MAX = 128 * 1024 * 1024;
/** What a logged-in host may wait for an answer while others misbehave. */
const WITNESS_LIMIT_MS = 5_000;
const GOOD = 0;

export interface ServerFuzzLimits {
  readonly pdus: number;
  readonly durationMs: number;
  /** Connections that are opened and never log in. */
  readonly halfOpen: number;
}

export interface ServerFuzzProgress {
  pdus: number;
  lives: number;
  halfOpen: number;
  witnessRounds: number;
  witnessMsMax: number;
  rssBytesBefore: number;
  rssBytesAfter: number;
}

const partition = (lun: number, host: string) => ({ size: '16MiB', lun, hosts: { [host]: 'rw' } });

const config = {
  // so that what is taken once and kept is not mistaken for growth
  limits: { transferMemory: '32MiB' },
  array: { layout: 'linear', disks: [{ memory: '64MiB' }] },
  hosts: { fuzzer: { iqn: FUZZ_HOST }, witness: { iqn: WITNESS_HOST } },
  partitions: { fuzzed: partition(0, 'fuzzer'), watched: partition(1, 'witness') },
};

export async function fuzzServer(
  seed: number,
  limits: ServerFuzzLimits,
): Promise<ServerFuzzProgress> {
  const service = await TargetService.start(config);
  const progress: ServerFuzzProgress = {
    pdus: 0,
    lives: 0,
    halfOpen: 0,
    witnessRounds: 0,
    witnessMsMax: 0,
    rssBytesBefore: 0,
    rssBytesAfter: 0,
  };
  try {
    await attack(service, { seed, limits, progress });
    if ((await service.stop()) !== 0) throw new Error('the server did not end with 0');
  } catch (error) {
    const log = service.log().slice(-4_000);
    throw new Error(`FUZZ_SEED=${seed}: ${(error as Error).message}\n${log}`, { cause: error });
  } finally {
    await service.dispose();
  }
  return progress;
}

interface Attack {
  readonly seed: number;
  readonly limits: ServerFuzzLimits;
  readonly progress: ServerFuzzProgress;
}

async function attack(service: TargetService, { seed, limits, progress }: Attack): Promise<void> {
  const witness = await loggedInWitness(service);
  let over = false;
  const watching = watch(witness, progress, () => over);
  // what is allocated once, for ever, is no growth
  await lives(service, { seed, limits: shareOf(limits, WARM_UP_SHARE), progress });
  progress.rssBytesBefore = rssBytes(service.pid);
  const rest = shareOf(limits, 1 - WARM_UP_SHARE);
  await Promise.race([watching, lives(service, { seed: seed + 1, limits: rest, progress })]);
  await Promise.race([watching, halfOpen(service.port, limits.halfOpen, progress)]);
  over = true;
  await watching;
  witness.destroy();
  progress.rssBytesAfter = rssBytes(service.pid);
  const growth = progress.rssBytesAfter - progress.rssBytesBefore;
  if (growth > RSS_GROWTH_BYTES_MAX) throw new Error(`the server grew by ${growth} bytes`);
}

const shareOf = (limits: ServerFuzzLimits, share: number): ServerFuzzLimits => ({
  ...limits,
  pdus: limits.pdus * share,
  durationMs: limits.durationMs * share,
});

/** Several peers at a time, life after life. */
async function lives(service: TargetService, { seed, limits, progress }: Attack): Promise<void> {
  const endMs = Date.now() + limits.durationMs;
  const endPdus = progress.pdus + limits.pdus;
  const peer = async (index: number): Promise<void> => {
    const random = new SeededRandom(seed * PEERS + index);
    while (progress.pdus < endPdus && Date.now() < endMs) {
      await liveOne(service.port, random, progress);
      progress.lives++;
    }
  };
  await Promise.all(Array.from({ length: PEERS }, (_, index) => peer(index)));
}

async function liveOne(
  port: number,
  random: SeededRandom,
  progress: ServerFuzzProgress,
): Promise<void> {
  const socket = await open(port);
  const source = new PduSource(random, freshState());
  const framer = new RawFramer();
  const inbox: RawPdu[] = [];
  socket.on('data', (chunk) => inbox.push(...framer.push(chunk)));
  const login = source.login(0x87, {
    InitiatorName: FUZZ_HOST,
    SessionType: 'Normal',
    TargetName: UNIT_IQN,
    InitialR2T: source.pick(['Yes', 'No']),
  });
  socket.write(random.below(8) === 0 ? source.mutate(login) : login);
  await answered(socket);
  const mutatedOneIn = source.pick(MUTATED_ONE_IN);
  for (let left = random.below(PDUS_PER_LIFE_MAX); left > 0 && !socket.destroyed; left--) {
    const pdu = source.next();
    socket.write(random.below(mutatedOneIn) === 0 ? source.mutate(pdu) : pdu);
    progress.pdus++;
    if (random.below(6) > 0) continue;
    await answered(socket);
    source.learn(inbox.splice(0));
  }
  socket.destroy();
}

const open = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // a target that hangs up on us is right
      if (socket.connecting || error.code === 'ECONNREFUSED') reject(error);
    });
    socket.on('connect', () => resolve(socket));
  });

/** Until something comes, or the connection ends, or nothing comes. */
const answered = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      socket.off('data', done).off('close', done);
      resolve();
    };
    const timer = setTimeout(done, ANSWER_MS);
    if (socket.destroyed) done();
    else socket.once('data', done).once('close', done);
  });

async function halfOpen(port: number, count: number, progress: ServerFuzzProgress): Promise<void> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Math.min(HALF_OPEN_AT_ONCE, count - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: batch }, () => open(port)))));
  }
  progress.halfOpen = sockets.length;
  // others can still log in while they stand
  const options = { initiatorName: FUZZ_HOST, targetName: UNIT_IQN, isid: '800000009999' };
  const newcomer = await RawClient.session(port, options);
  if (!(await newcomer.ping())) throw new Error('a newcomer gets no answer');
  newcomer.destroy();
  for (const socket of sockets) socket.destroy();
}

async function loggedInWitness(service: TargetService): Promise<RawClient> {
  const witness = await RawClient.session(service.port, {
    initiatorName: WITNESS_HOST,
    targetName: UNIT_IQN,
    isid: '800000007777',
  });
  await witness.command(testUnitReady, { lun: 1 });
  return witness;
}

/** Writes and reads back until it is over; every answer has to be right, and in time. */
async function watch(
  witness: RawClient,
  progress: ServerFuzzProgress,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const startMs = Date.now();
    const out = Buffer.alloc(4096, progress.witnessRounds & 0xff);
    const written = await witness.command(write10(0, 8), { lun: 1, out });
    const read = await witness.command(read10(0, 8), { lun: 1, inBytes: out.length });
    const tookMs = Date.now() - startMs;
    progress.witnessRounds++;
    progress.witnessMsMax = Math.max(progress.witnessMsMax, tookMs);
    if (written.status !== GOOD || read.status !== GOOD)
      throw new Error(`the witness is refused: ${written.status}, ${read.status}`);
    if (!read.data.equals(out)) throw new Error('the witness reads other data than it wrote');
    if (tookMs > WITNESS_LIMIT_MS) throw new Error(`the witness waited for ${tookMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function rssBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]);
}
