/**
 * Load on a LUN of any iSCSI target: keeps `depth` commands outstanding on each of several sessions
 * for some seconds. Costs little CPU itself: commands and memory are set up once, everything of one
 * turn leaves in one write.
 */
import { performance } from 'node:perf_hooks';
import { Failure, SeededRandom } from '../../lib/base/index.ts';
import {
  InitiatorCommand,
  CommandOutcome,
  decodeSense,
  describeAnswer,
  parseIscsiUrl,
  probeDevice,
  putTransfer,
  ScsiClient,
} from '../../lib/initiator/index.ts';
import type { DeviceProfile, InitiatorSession } from '../../lib/initiator/index.ts';
import { encodeLun } from '../../lib/scsi/index.ts';
import { Initiator } from '../../lib/transport/index.ts';
import type { InitiatorOptions } from '../../lib/transport/index.ts';
import { addressPattern } from './address-pattern.ts';
import { LatencyHistogram } from './latency-histogram.ts';

export const BENCH_OPS = ['randread', 'randwrite', 'read', 'write'] as const;
export type BenchOp = (typeof BENCH_OPS)[number];

export const isBenchOp = (word: string): word is BenchOp =>
  (BENCH_OPS as readonly string[]).includes(word);

export interface BenchOptions {
  /** `iscsi://…`; writes destroy what is there. */
  readonly url: string;
  readonly op: BenchOp;
  /** A multiple of the LUN's block size. */
  readonly blockSizeBytes: number;
  /** Commands outstanding on each connection. */
  readonly depth: number;
  /** Sessions of one TCP connection each. */
  readonly connections: number;
  readonly seconds: number;
  /** Load before the measurement begins. */
  readonly warmUpSeconds?: number;
  /** Of the random addresses. */
  readonly seed?: number;
  /** Only the first bytes of the LUN. */
  readonly rangeBytes?: number;
  readonly initiator?: InitiatorOptions;
}

export interface BenchResult {
  readonly url: string;
  readonly op: BenchOp;
  readonly blockSizeBytes: number;
  readonly depth: number;
  readonly connections: number;
  /** Length of the measurement. */
  readonly seconds: number;
  readonly operations: number;
  /** With those of the warm-up and those that ended late. */
  readonly operationsInAll: number;
  readonly iops: number;
  /** Millions of bytes a second. */
  readonly mbPerSecond: number;
  readonly latencyUs: { p50: number; p99: number; max: number; mean: number };
  readonly errors: number;
  /** What the first one said; empty without errors. */
  readonly firstError: string;
  /** CPU time of this process for each operation. */
  readonly clientCpuUsPerOperation: number;
}

const WARM_UP_SECONDS = 0.1;
const DEPTH_MAX = 1024;
const CONNECTIONS_MAX = 64;
const TRANSFER_BYTES_MAX = 64 * 1024 * 1024;

/** @throws Failure: `usage` for options that make no sense, else what login and LUN say. */
export async function runBench(options: BenchOptions): Promise<BenchResult> {
  checkOptions(options);
  const sessions: InitiatorSession[] = [];
  try {
    for (let index = 0; index < options.connections; index++) {
      sessions.push(await Initiator.session(options.url, options.initiator));
    }
    const profile = await probeAll(sessions, parseIscsiUrl(options.url).lun);
    return await new BenchRun(options, sessions, profile).run();
  } finally {
    for (const session of sessions) session.logout();
  }
}

function checkOptions(options: BenchOptions): void {
  const { depth, connections, seconds, blockSizeBytes } = options;
  const refuse = (what: string): never => {
    throw new Failure('usage', `bench: ${what}`);
  };
  if (!(Number.isInteger(depth) && depth >= 1 && depth <= DEPTH_MAX)) {
    refuse(`depth ${depth} is not 1 to ${DEPTH_MAX}`);
  }
  if (!(Number.isInteger(connections) && connections >= 1 && connections <= CONNECTIONS_MAX)) {
    refuse(`${connections} connections are not 1 to ${CONNECTIONS_MAX}`);
  }
  if (!(seconds > 0)) refuse(`${seconds} seconds are no time`);
  if (!(blockSizeBytes >= 512 && blockSizeBytes <= TRANSFER_BYTES_MAX)) {
    refuse(`block size ${blockSizeBytes} is not 512 to ${TRANSFER_BYTES_MAX} bytes`);
  }
}

/** Takes the unit attention of every new session, too. */
async function probeAll(
  sessions: readonly InitiatorSession[],
  lun: number,
): Promise<DeviceProfile> {
  const profiles = [];
  for (const session of sessions) profiles.push(await probeDevice(new ScsiClient(session, lun)));
  return profiles[0]!;
}

class BenchRun {
  readonly #options: BenchOptions;
  readonly #sessions: readonly InitiatorSession[];
  readonly #profile: DeviceProfile;
  readonly #latencies = new LatencyHistogram();
  readonly #write: boolean;
  #measureFromMs = 0;
  #endMs = 0;
  #outstanding = 0;
  #errors = 0;
  #inAll = 0;
  #firstError = '';
  #finished: () => void = () => undefined;

  constructor(
    options: BenchOptions,
    sessions: readonly InitiatorSession[],
    profile: DeviceProfile,
  ) {
    this.#options = options;
    this.#sessions = sessions;
    this.#profile = profile;
    this.#write = options.op === 'randwrite' || options.op === 'write';
    const { blockSizeBytes } = options;
    if (blockSizeBytes % profile.blockSizeBytes !== 0) {
      const unit = `${profile.blockSizeBytes} of the LUN`;
      throw new Failure('usage', `bench: ${blockSizeBytes} bytes are no multiple of the ${unit}`);
    }
    if (this.#write && profile.features.readOnly) {
      throw new Failure('notAllowed', 'bench: the LUN is read-only for this initiator');
    }
  }

  async run(): Promise<BenchResult> {
    const { seconds, warmUpSeconds = WARM_UP_SECONDS } = this.#options;
    const slots = this.#sessions.flatMap((session, index) => this.#slotsOf(session, index));
    this.#measureFromMs = performance.now() + warmUpSeconds * 1000;
    this.#endMs = this.#measureFromMs + seconds * 1000;
    const cpu = process.cpuUsage();
    await new Promise<void>((resolve) => {
      this.#finished = resolve;
      this.#outstanding = slots.length;
      for (const start of slots) start();
    });
    const spent = process.cpuUsage(cpu);
    return this.#result(spent.user + spent.system);
  }

  /** One function for each command kept outstanding, which sends it for the first time. */
  #slotsOf(session: InitiatorSession, index: number): (() => void)[] {
    const { op, blockSizeBytes, depth, connections, rangeBytes, seed = 1 } = this.#options;
    const rangeMax = Math.min(rangeBytes ?? Infinity, this.#profile.capacityBytes);
    const transfers = Math.floor(rangeMax / blockSizeBytes);
    const share = Math.max(1, Math.floor(transfers / connections));
    if (transfers < 1) throw new Failure('usage', 'bench: the LUN is smaller than one block');
    const random = op === 'randread' || op === 'randwrite';
    const blocksPerTransfer = blockSizeBytes / this.#profile.blockSizeBytes;
    const firstLba = random ? 0 : ((index * share) % transfers) * blocksPerTransfer;
    const next = addressPattern(
      { firstLba, transfers: random ? transfers : share, blocksPerTransfer },
      random ? new SeededRandom(seed + index) : null,
    );
    const data = this.#write ? filled(blockSizeBytes, seed + index) : null;
    return Array.from({ length: depth }, () => this.#slot(session, next, data));
  }

  #slot(session: InitiatorSession, next: () => number, data: Buffer | null): () => void {
    const { blockSizeBytes, url } = this.#options;
    const command = new InitiatorCommand();
    const blocks = blockSizeBytes / this.#profile.blockSizeBytes;
    command.lunHigh = encodeLun(parseIscsiUrl(url).lun);
    if (data !== null) {
      command.outMemory = data;
      command.outBytes = blockSizeBytes;
    } else {
      command.inMemory = Buffer.alloc(blockSizeBytes);
      command.inBytes = blockSizeBytes;
    }
    let sentMs = 0;
    const send = (nowMs: number): void => {
      sentMs = nowMs;
      putTransfer(command, { write: data !== null, lba: next(), blocks, fua: false });
      session.submit(command);
    };
    command.onDone = () => {
      const nowMs = performance.now();
      this.#inAll++;
      if (command.outcome !== CommandOutcome.answered || command.status !== 0)
        this.#failed(command);
      else if (nowMs >= this.#measureFromMs && nowMs < this.#endMs) {
        this.#latencies.add(nowMs - sentMs);
      }
      if (nowMs < this.#endMs && session.state === 'ready') send(nowMs);
      else if (--this.#outstanding === 0) this.#finished();
    };
    return () => send(performance.now());
  }

  #failed(command: InitiatorCommand): void {
    this.#errors++;
    if (this.#errors > 1) return;
    const sense = decodeSense(command.sense, command.senseBytes);
    this.#firstError = command.detail || describeAnswer({ status: command.status, sense });
  }

  #result(cpuUs: number): BenchResult {
    const { url, op, blockSizeBytes, depth, connections, seconds } = this.#options;
    const latencies = this.#latencies;
    const operations = latencies.count;
    return {
      url: withoutSecret(url),
      op,
      blockSizeBytes,
      depth,
      connections,
      seconds,
      operations,
      operationsInAll: this.#inAll,
      iops: operations / seconds,
      mbPerSecond: (operations * blockSizeBytes) / seconds / 1e6,
      latencyUs: {
        p50: latencies.percentileUs(0.5),
        p99: latencies.percentileUs(0.99),
        max: latencies.maxUs,
        mean: latencies.meanUs,
      },
      errors: this.#errors,
      firstError: this.#firstError,
      clientCpuUsPerOperation: this.#inAll === 0 ? 0 : cpuUs / this.#inAll,
    };
  }
}

const withoutSecret = (url: string): string => url.replace(/%[^@/]*@/, '@');

function filled(lengthBytes: number, seed: number): Buffer {
  const data = Buffer.alloc(lengthBytes);
  const random = new SeededRandom(seed);
  for (let at = 0; at + 4 <= lengthBytes; at += 4) data.writeUInt32LE(random.below(2 ** 32), at);
  return data;
}
