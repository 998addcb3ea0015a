/**
 * Server-sent events: what happens, as it happens; a client that comes back resumes by the id it
 * saw last.
 */
import type { ServerResponse } from 'node:http';
import type { AdminEvent, EventLog } from '../events.ts';

/** Watchers at once; each holds a connection. */
export const WATCHERS_MAX = 64;
/** A comment this often keeps proxies from hanging up. */
const HEARTBEAT_MS = 15_000;
/** A watcher that leaves this much unread is dropped; it can resume. */
const UNREAD_BYTES_MAX = 1_048_576;

export class EventStreams {
  readonly #log: EventLog;
  readonly #open = new Set<ServerResponse>();

  constructor(log: EventLog) {
    this.#log = log;
  }

  get full(): boolean {
    return this.#open.size >= WATCHERS_MAX;
  }

  /** @param lastId events after this one that are still kept are sent first. */
  serve(response: ServerResponse, lastId: number): void {
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write('retry: 2000\n\n');
    this.#open.add(response);
    for (const event of this.#log.since(lastId)) send(response, event);
    const end = this.#log.subscribe((event) => send(response, event));
    const heartbeat = setInterval(() => response.write(': alive\n\n'), HEARTBEAT_MS);
    heartbeat.unref();
    response.on('close', () => {
      end();
      clearInterval(heartbeat);
      this.#open.delete(response);
    });
  }

  close(): void {
    for (const response of this.#open) response.end();
  }
}

function send(response: ServerResponse, event: AdminEvent): void {
  if (response.writableLength > UNREAD_BYTES_MAX) {
    response.destroy();
    return;
  }
  response.write(`id: ${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
}
