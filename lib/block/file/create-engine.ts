import { errnoName } from './errno.ts';
import type { Engine, EngineKind } from './engine.ts';
import { JsEngine } from './js-engine.ts';
import { NativeEngine } from './native-engine.ts';
import type { NativeEngineTuning } from './native-engine.ts';

/**
 * `auto`: io_uring, or threads where the kernel refuses it. The JS engine is used only where it is
 * asked for.
 */
export type EngineChoice = EngineKind | 'auto';

/**
 * Makes the engine of a process; file devices share it.
 * @throws Failure where the addon isn't built, Error with `errno` where io_uring was asked for and
 * is refused.
 */
export function createEngine(choice: EngineChoice = 'auto', tuning?: NativeEngineTuning): Engine {
  if (choice === 'js') return new JsEngine();
  if (choice !== 'auto') return new NativeEngine(choice, tuning);
  try {
    return new NativeEngine('io_uring', tuning);
  } catch (error) {
    const { errno } = error as NodeJS.ErrnoException;
    if (errno === undefined) throw error;
    const reason = `the kernel refuses io_uring (${errnoName(errno)}), threads take over`;
    return new NativeEngine('threads', { ...tuning, fallbackReason: reason });
  }
}

let shared: Engine | undefined;

/** The engine of file devices that were opened without one. */
export const sharedEngine = (): Engine => (shared ??= createEngine());
