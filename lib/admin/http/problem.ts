/**
 * Refusals as RFC 9457 problems. `code` is the failure class that decides the exit code of a
 * command.
 */
import type { FastifyError } from 'fastify';
import { Failure } from '../../base/index.ts';
import type { FailureKind } from '../../base/index.ts';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: FailureKind;
}

const classes = {
  unexpected: { status: 500, title: 'Unexpected' },
  usage: { status: 400, title: 'Not understood' },
  notFound: { status: 404, title: 'Not found' },
  conflict: { status: 409, title: 'Exists or conflicts' },
  inUse: { status: 412, title: 'In use or in the wrong state' },
  notAllowed: { status: 403, title: 'Not allowed' },
  timedOut: { status: 504, title: 'Timed out' },
  unreachable: { status: 502, title: 'Unreachable' },
  partlyDone: { status: 500, title: 'Partly done' },
} as const satisfies Record<FailureKind, { status: number; title: string }>;

/** @param status where HTTP has a finer word than the class: 401, 413, 415, 421. */
export function problem(code: FailureKind, detail: string, status?: number): Problem {
  const { title, status: usual } = classes[code];
  return { type: `urn:hawser:problem:${code}`, title, status: status ?? usual, detail, code };
}

/** A refusal for which HTTP has a status of its own. */
export class HttpFailure extends Failure {
  readonly status: number;

  constructor(kind: FailureKind, status: number, message: string) {
    super(kind, message);
    this.status = status;
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof HttpFailure) return problem(error.kind, error.message, error.status);
  if (error instanceof Failure) return problem(error.kind, error.message);
  const { statusCode, message } = error as Partial<FastifyError>;
  if (statusCode !== undefined && statusCode < 500) {
    return problem('usage', message ?? 'bad request', statusCode);
  }
  return problem('unexpected', 'an error of the server itself; its log tells more');
}
