/** What is measured, between whom, and how much of it has to be reached. */
import { KIB, MIB } from '../../lib/base/index.ts';
import type { BenchOp } from './run-bench.ts';

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly op: BenchOp;
  readonly blockSizeBytes: number;
  readonly depth: number;
  readonly connections: number;
  /** Names of contestants; `fio` measures the raw disk. */
  readonly contestants: readonly string[];
  /** Who is judged. */
  readonly subject: string;
  /** The best of them counts. */
  readonly rivals: readonly string[];
  /** Smallest ratio of the subject's IOPS to the rival's. */
  readonly ratioFloor?: number;
  /** Largest ratio of the subject's CPU per operation to that of `cpuRival`. */
  readonly cpuRatioCeiling?: number;
  readonly cpuRival?: string;
}

const onDisk = {
  contestants: ['tgt-rdwr', 'tgt-aio', 'hawser', 'fio'],
  subject: 'hawser',
  rivals: ['tgt-rdwr', 'tgt-aio'],
  cpuRival: 'tgt-rdwr',
} as const;
const inMemory = {
  contestants: ['tgt-null', 'hawser-memory'],
  subject: 'hawser-memory',
  rivals: ['tgt-null'],
  cpuRival: 'tgt-null',
  ratioFloor: 4.0,
} as const;
const digests = {
  contestants: ['hawser', 'hawser+digests'],
  subject: 'hawser+digests',
  rivals: ['hawser'],
  cpuRival: 'hawser',
  ratioFloor: 0.8,
} as const;

const smallRead = { op: 'randread', blockSizeBytes: 4 * KIB, depth: 32, connections: 1 } as const;
const smallWrite = { ...smallRead, op: 'randwrite' } as const;
const largeRead = { op: 'read', blockSizeBytes: 1 * MIB, depth: 8, connections: 1 } as const;
const largeWrite = { ...largeRead, op: 'write' } as const;

export const workloads: readonly Workload[] = [
  {
    ...onDisk,
    name: 'r4k-q1',
    title: '4 KiB random read, depth 1',
    ...smallRead,
    depth: 1,
    ratioFloor: 1.0,
  },
  {
    ...onDisk,
    name: 'r4k-q32',
    title: '4 KiB random read, depth 32',
    ...smallRead,
    ratioFloor: 1.5,
    cpuRatioCeiling: 0.25,
  },
  {
    ...onDisk,
    name: 'r4k-4x32',
    title: '4 KiB random read, 4 sessions of depth 32',
    ...smallRead,
    connections: 4,
    ratioFloor: 1.8,
  },
  {
    ...onDisk,
    name: 'w4k-q32',
    title: '4 KiB random write, depth 32',
    ...smallWrite,
    ratioFloor: 1.3,
  },
  { ...onDisk, name: 'r1m-q8', title: '1 MiB read, depth 8', ...largeRead, ratioFloor: 1.1 },
  { ...onDisk, name: 'w1m-q8', title: '1 MiB write, depth 8', ...largeWrite, ratioFloor: 1.0 },
  {
    ...inMemory,
    name: 'null-q32',
    title: '4 KiB random read, depth 32, memory against null store',
    ...smallRead,
  },
  {
    ...digests,
    name: 'digest-r4k-q32',
    title: '4 KiB random read, depth 32, digests on against off',
    ...smallRead,
  },
  {
    ...digests,
    name: 'digest-w4k-q32',
    title: '4 KiB random write, depth 32, digests on against off',
    ...smallWrite,
  },
  {
    ...digests,
    name: 'digest-r1m-q8',
    title: '1 MiB read, depth 8, digests on against off',
    ...largeRead,
  },
];

export const DIGEST_PARAMETERS = '?header_digest=crc32c&data_digest=crc32c';
