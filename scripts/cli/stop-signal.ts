/** When a service is told to stop. */
import { ExitCode } from '../../lib/base/index.ts';

/** One Ctrl-C reaches a service twice where a runner like npm passes it on. */
const SAME_SIGNAL_MS = 1000;

/**
 * SIGTERM or SIGINT, also one that comes before the service is ready. A second one that is meant
 * ends the process at once.
 * @returns its name.
 */
export function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let firstMs: number | null = null;
    for (const signal of ['SIGTERM', 'SIGINT']) {
      process.on(signal, () => {
        const nowMs = performance.now();
        if (firstMs !== null && nowMs - firstMs > SAME_SIGNAL_MS)
          process.exit(ExitCode.interrupted);
        firstMs ??= nowMs;
        resolve(signal);
      });
    }
  });
}
