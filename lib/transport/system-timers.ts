/** The kernel's clock, timers and entropy, for services. */
import { randomBytes, randomInt } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Random, Timer, Timers } from '../base/index.ts';

/** Timers do not keep the process alive: what waits for one also holds a socket or a file. */
export function systemTimers(): Timers {
  return {
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    after(delayMs: number, fire: () => void): Timer {
      const handle = setTimeout(fire, delayMs);
      handle.unref();
      return { cancel: () => clearTimeout(handle) };
    },
  };
}

/** Unpredictable: fit for challenges and identifiers. */
export function systemRandom(): Random {
  return {
    next: () => randomInt(2 ** 32) / 2 ** 32,
    below: (end: number) => randomInt(end),
    bytes: (length: number) => randomBytes(length),
  };
}
