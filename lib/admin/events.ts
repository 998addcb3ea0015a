/**
 * What happens on the server, for whoever watches: a bounded ring with ids, so that a watcher can
 * resume.
 */
export type EventKind = 'partition' | 'host' | 'session' | 'array' | 'config' | 'task' | 'alert';

export interface AdminEvent {
  readonly id: number;
  readonly kind: EventKind;
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly message: string;
  /** What it is about: name of a partition or host, TSIH, task id. */
  readonly subject: string;
}

export const EVENTS_KEPT_MAX = 1024;

export class EventLog {
  readonly #wallMs: () => number;
  readonly #events: AdminEvent[] = [];
  readonly #listeners = new Set<(event: AdminEvent) => void>();
  #nextId: number;

  /**
   * @param firstId above every id of an earlier life, so that a watcher can resume over a restart.
   */
  constructor(wallMs: () => number, firstId = 1) {
    this.#wallMs = wallMs;
    this.#nextId = firstId;
  }

  publish(kind: EventKind, subject: string, message: string): void {
    const time = new Date(this.#wallMs()).toISOString();
    const event: AdminEvent = { id: this.#nextId++, kind, time, message, subject };
    this.#events.push(event);
    if (this.#events.length > EVENTS_KEPT_MAX) this.#events.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** Events after this id that are still kept. */
  since(id: number): readonly AdminEvent[] {
    return this.#events.filter((event) => event.id > id);
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: (event: AdminEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
