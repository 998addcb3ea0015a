/**
 * Logs of the services: bunyan records as JSON lines on stderr, with nothing in them that must not
 * be read.
 */
import bunyan from 'bunyan';
import type { Log } from '../../lib/admin/index.ts';
import { Failure } from '../../lib/base/index.ts';

const REDACTED = '[redacted]';
/** Fields that may hold secrets, whatever they hold. */
const SECRET_FIELDS = /^(secret|token|password|authorization|cookie|chap_r|challenge|response)$/i;

/** Takes raw records: bunyan's own writer throws on a BigInt and knows no secrets. */
export class RecordWriter {
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  write(record: object): void {
    this.#write(`${JSON.stringify(record, replacer)}\n`);
  }
}

function replacer(key: string, value: unknown): unknown {
  if (SECRET_FIELDS.test(key)) return REDACTED;
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Error ? errorFields(value) : value;
}

const errorFields = (error: Error): object => ({
  name: error.name,
  message: error.message,
  ...(error instanceof Failure ? { kind: error.kind } : { stack: error.stack }),
});

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

/** @param level HAWSER_LOG; info where it says nothing known. */
export function serviceLog(role: string, level: string | undefined): Log {
  const known = LEVELS.find((candidate) => candidate === level) ?? 'info';
  const stream = new RecordWriter((line) => void process.stderr.write(line));
  return bunyan.createLogger({
    name: 'hawser',
    role,
    streams: [{ type: 'raw', level: known, stream: stream as unknown as NodeJS.WritableStream }],
  });
}
