/**
 * The fuzzer against a target in this process: many short lives of bad peers, one long life of a
 * good one.
 */
import { SeededRandom } from '../../lib/base/index.ts';
import { CHAP_HOST, FUZZ_HOST, FUZZ_TARGET, FuzzWorld } from './fuzz-world.ts';
import type { FuzzPeer } from './fuzz-world.ts';
import { freshState, PduSource } from './pdu-source.ts';
import { Witness } from './witness.ts';

const PDUS_PER_LIFE_MAX = 128;
const PEERS_MAX = 3;
/** A life with many broken PDUs is short, one with few gets deep. */
const MUTATED_ONE_IN = [3, 16, 100];
/** Lives after which the world is left to come to rest and is inspected. */
const LIVES_PER_INSPECTION = 20;
/** Lives after which a new world begins, so that a failure can be replayed in seconds. */
const LIVES_PER_WORLD = 400;

export interface FuzzProgress {
  pdus: number;
  lives: number;
  /** Sessions that reached full feature phase: a fuzzer that never gets in tests nothing. */
  sessions: number;
  heapBytesAtFirstWorld: number;
  heapBytes: number;
}

export interface FuzzLimits {
  readonly pdus: number;
  readonly durationMs: number;
}

/** @throws an error that names seed and world to replay, where the target misbehaves. */
export async function fuzz(seed: number, limits: FuzzLimits): Promise<FuzzProgress> {
  const progress = { pdus: 0, lives: 0, sessions: 0, heapBytesAtFirstWorld: 0, heapBytes: 0 };
  const endMs = Date.now() + limits.durationMs;
  for (let world = 0; progress.pdus < limits.pdus && Date.now() < endMs; world++) {
    try {
      await fuzzWorld(
        seed + world,
        progress,
        () => progress.pdus < limits.pdus && Date.now() < endMs,
      );
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed + world}: ${(error as Error).message}`, { cause: error });
    }
    global.gc?.();
    progress.heapBytes = process.memoryUsage().heapUsed;
    if (world === 0) progress.heapBytesAtFirstWorld = progress.heapBytes;
  }
  return progress;
}

async function fuzzWorld(seed: number, progress: FuzzProgress, goOn: () => boolean): Promise<void> {
  const random = new SeededRandom(seed);
  const world = new FuzzWorld(seed);
  const witness = await Witness.login(world);
  for (let life = 1; life <= LIVES_PER_WORLD && goOn(); life++) {
    const peers = Array.from({ length: 1 + random.below(PEERS_MAX) }, () => world.connect());
    for (const peer of peers) await liveOne(world, peer, { random, progress });
    await witness.writeAndRead();
    const inspect = life % LIVES_PER_INSPECTION === 0 || life === LIVES_PER_WORLD;
    const wrong = inspect ? await world.rest(peers, witness.peer) : [];
    if (!inspect) for (const peer of peers) peer.hangUp();
    if (wrong.length > 0) throw new Error(`after life ${life}: ${wrong.join(', ')}`);
    progress.lives += peers.length;
  }
  progress.sessions += world.node.counters.loginsAccepted - 1;
}

interface Life {
  readonly random: SeededRandom;
  readonly progress: FuzzProgress;
}

async function liveOne(world: FuzzWorld, peer: FuzzPeer, life: Life): Promise<void> {
  const { random, progress } = life;
  const source = new PduSource(random, freshState());
  progress.pdus += await logIn(world, peer, { source, random });
  const count = random.below(PDUS_PER_LIFE_MAX);
  const mutatedOneIn = source.pick(MUTATED_ONE_IN);
  for (let sent = 0; sent < count && !peer.isClosed; sent++) {
    const pdu = source.next();
    peer.send(cut(random.below(mutatedOneIn) === 0 ? source.mutate(pdu) : pdu, random));
    progress.pdus++;
    if (random.below(4) > 0) continue;
    await world.settle();
    source.learn(peer.inbox.splice(0));
    if (random.below(32) === 0) world.timers.advance(random.below(2_000));
  }
}

/** Now and then a PDU ends in the middle, and the next one begins there. */
const cut = (pdu: Buffer, random: SeededRandom): Buffer =>
  random.below(256) === 0 ? pdu.subarray(0, random.below(pdu.length + 1)) : pdu;

const digests = ['None', 'None', 'CRC32C,None', 'None,CRC32C', 'CRC33'];
const loginExtras = [
  'MaxBurstLength=0\0',
  'FirstBurstLength=99999999999\0',
  'InitiatorName=iqn.2026-11.test:guarded\0',
  'ErrorRecoveryLevel=2\0OFMarker=Yes\0',
  'MaxConnections=65536\0',
  'a'.repeat(300),
  'X'.repeat(9_000),
  '\0\0\0',
  'AuthMethod=CHAP\0CHAP_A=5,7\0CHAP_N=guarded\0CHAP_R=0x00\0CHAP_I=1\0CHAP_C=0x00\0',
];

/** Mostly a good login, sometimes one that is broken at some step. @returns PDUs sent. */
async function logIn(
  world: FuzzWorld,
  peer: FuzzPeer,
  { source, random }: { readonly source: PduSource; readonly random: SeededRandom },
): Promise<number> {
  const good = random.below(4) > 0;
  const host = good || random.below(2) === 0 ? FUZZ_HOST : CHAP_HOST;
  const session = random.below(16) === 0 ? 'Discovery' : 'Normal';
  const keys = {
    InitiatorName: host,
    SessionType: session,
    ...(session === 'Normal' ? { TargetName: FUZZ_TARGET } : {}),
    ...(host === CHAP_HOST ? { AuthMethod: 'CHAP,None' } : {}),
    HeaderDigest: good ? 'None' : source.pick(digests),
    InitialR2T: source.pick(['Yes', 'No']),
    ImmediateData: source.pick(['Yes', 'No']),
    MaxRecvDataSegmentLength: source.pick(['512', '8192', '262144']),
  };
  const count = good ? 1 : 1 + random.below(6);
  for (let step = 0; step < count && !peer.isClosed; step++) {
    const flags = good ? 0x87 : source.pick([0x87, 0x04, 0x81, 0x00, 0x44, 0xc7, 0x83]);
    const pdu = source.login(flags, keys, good ? '' : source.pick(loginExtras));
    peer.send(good || random.below(2) === 0 ? pdu : source.mutate(pdu));
    await world.settle();
    peer.deaf = !good && peer.inbox.length > 0;
    source.learn(peer.inbox.splice(0));
  }
  return count;
}
