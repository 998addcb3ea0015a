/** CPU time and memory of another process, from /proc. */
import { readFileSync } from 'node:fs';
import { Failure } from '../../lib/base/index.ts';

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const UTIME_FIELD = 11;
const STIME_FIELD = 12;

/** CPU seconds spent by all threads, those that have ended included. */
export function cpuSeconds(pid: number): number {
  const stat = readProc(pid, 'stat');
  // the name in brackets may hold spaces; what follows it begins with field 3
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[UTIME_FIELD]) + Number(fields[STIME_FIELD])) / TICKS_PER_SECOND;
}

/** Resident set size in bytes. */
export function residentBytes(pid: number): number {
  const status = readProc(pid, 'status');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch (cause) {
    throw new Failure('unexpected', `process ${pid} ended while it was measured`, { cause });
  }
}
