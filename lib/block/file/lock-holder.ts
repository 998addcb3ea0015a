/** Who holds a file or block device that we were refused, as far as /proc lets us see. */
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';

const PROC = '/proc';

function attempt<T>(ask: () => T, otherwise: T): T {
  try {
    return ask();
  } catch {
    // processes come and go, and others' are not ours to look into
    return otherwise;
  }
}

function holds(pid: string, realPath: string, blockDevice: boolean): boolean {
  const descriptors = attempt(() => readdirSync(`${PROC}/${pid}/fd`), []);
  return descriptors.some((fd) => {
    if (attempt(() => readlinkSync(`${PROC}/${pid}/fd/${fd}`), '') !== realPath) return false;
    // many may have a file open, one has it locked
    const info = attempt(() => readFileSync(`${PROC}/${pid}/fdinfo/${fd}`, 'latin1'), '');
    return blockDevice || /^lock:/m.test(info);
  });
}

/** @returns "process 123 (name)", or "another process" where it can't be seen. */
export function describeHolder(path: string, blockDevice: boolean): string {
  const realPath = attempt(() => realpathSync(path), path);
  const pids = attempt(() => readdirSync(PROC), []).filter((name) => /^\d+$/.test(name));
  const pid = pids.find((candidate) => holds(candidate, realPath, blockDevice));
  if (pid === undefined) return 'another process';
  const name = attempt(() => readFileSync(`${PROC}/${pid}/comm`, 'utf8').trim(), '');
  return `process ${pid}${name === '' ? '' : ` (${name})`}`;
}
