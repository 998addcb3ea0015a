/**
 * A refusal that a person can act on, in the classes that every command, API answer and exit code
 * shares (docs/errors.md). The message says what, where, what was expected, what was found and what
 * to do.
 */
export const ExitCode = {
  done: 0,
  unexpected: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  inUse: 5,
  notAllowed: 6,
  timedOut: 7,
  unreachable: 8,
  partlyDone: 9,
  interrupted: 130,
} as const;
export type FailureKind = Exclude<keyof typeof ExitCode, 'done' | 'interrupted'>;

export class Failure extends Error {
  override readonly name = 'Failure';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }

  get exitCode(): number {
    return ExitCode[this.kind];
  }
}
