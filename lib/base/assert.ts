/**
 * Our own bugs end here. What a peer, a disk or an operator did wrong never does: that is a
 * returned reason or a typed error.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

export function assert(condition: boolean, what = 'assertion failed'): asserts condition {
  if (!condition) throw new AssertionError(what);
}

/** Ends a switch over a closed set: `never` at compile time, an assertion at run time. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
