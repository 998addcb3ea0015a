/**
 * Owns one socket and performs what a protocol object asks: bytes in as they come, everything that
 * it queued in one turn of the event loop out in one write. The same shell serves the target's and
 * the initiator's end.
 */
import type { Socket } from 'node:net';
import type { LoopSpin } from './loop-spin.ts';

/** A batch of memory to write and to give back afterwards. */
export interface ShellBatch {
  readonly pieces: readonly Buffer[];
  readonly bytes: number;
}

/** What a shell drives. */
export interface ShellClient<Batch extends ShellBatch> {
  receive(chunk: Buffer, start: number, end: number): void;
  /** So little is outstanding that the next step will be waited for (see LoopSpin). */
  readonly isShallow?: boolean;
  /** Everything queued so far; undefined: nothing. */
  takeBatch(): Batch | undefined;
  /** The socket is done with the batch, sent or not. */
  batchDone(batch: Batch): void;
  /** The socket is gone; nothing will be called afterwards but `batchDone`. */
  closed(reason: string): void;
}

export interface ShellOptions {
  /** Told whenever bytes have come or gone. */
  readonly spin?: LoopSpin;
  /** Bytes queued in the socket above which the peer's requests are no longer read. */
  readonly unsentBytesMax: number;
}

/** Longest time for the last bytes to leave after the protocol asked for the end. */
const CLOSE_LINGER_MS = 2_000;
/** Pieces of a batch that answers one or two commands. */
const SHALLOW_PIECES = 2;

export class ConnectionShell<Batch extends ShellBatch> {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #unsentBytesMax: number;
  readonly #spin: LoopSpin | null;
  readonly #inFlight: Batch[] = [];
  readonly #onSent = (): void => this.#sent();
  readonly #flush = (): void => this.#write();
  #client: ShellClient<Batch> | null = null;
  #flushAsked = false;
  #closing = false;
  #gone = false;
  #paused = false;
  #unsentBytes = 0;
  #reason = 'closed by peer';

  constructor(socket: Socket, options: ShellOptions) {
    this.#socket = socket;
    this.#unsentBytesMax = options.unsentBytesMax;
    this.#spin = options.spin ?? null;
    this.localAddress = address(socket.localAddress, socket.localPort);
    this.remoteAddress = address(socket.remoteAddress, socket.remotePort);
    socket.setNoDelay(true);
    socket.on('error', (error) => (this.#reason = error.message));
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#closed());
  }

  attach(client: ShellClient<Batch>): void {
    this.#client = client;
  }

  /** Bytes [0, end) of a chunk that is reused as soon as this returns. */
  received(chunk: Buffer, end: number): void {
    if (this.#closing || this.#gone) return;
    this.#client!.receive(chunk, 0, end);
    this.#spin?.touch(this.#client!.isShallow === true);
  }

  /** Something was queued: it leaves before the event loop turns. */
  wake(): void {
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    queueMicrotask(this.#flush);
  }

  /** Sends what is queued, then ends the connection. */
  close(): void {
    if (this.#closing || this.#gone) return;
    this.#write();
    this.#closing = true;
    this.#reason = 'closed';
    if (this.#inFlight.length === 0) {
      this.#socket.destroy();
      return;
    }
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), CLOSE_LINGER_MS).unref();
  }

  #write(): void {
    this.#flushAsked = false;
    if (this.#gone || this.#closing) return;
    const batch = this.#client!.takeBatch();
    if (batch === undefined) return;
    this.#inFlight.push(batch);
    this.#unsentBytes += batch.bytes;
    const { pieces } = batch;
    const last = pieces.length - 1;
    this.#socket.cork();
    for (let index = 0; index < last; index++) this.#socket.write(pieces[index]!);
    this.#socket.write(pieces[last]!, this.#onSent);
    this.#socket.uncork();
    // many answers at once come from a deep queue, also where it is empty by now
    const shallow = last < SHALLOW_PIECES && this.#client!.isShallow === true;
    this.#spin?.touch(shallow);
    if (this.#unsentBytes > this.#unsentBytesMax && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    }
  }

  #sent(): void {
    const batch = this.#inFlight.shift();
    if (batch === undefined) return;
    this.#unsentBytes -= batch.bytes;
    this.#client!.batchDone(batch);
    if (this.#paused && this.#unsentBytes <= this.#unsentBytesMax / 2) {
      this.#paused = false;
      this.#socket.resume();
    }
    if (this.#closing && this.#inFlight.length === 0) this.#socket.destroy();
  }

  #closed(): void {
    if (this.#gone) return;
    this.#gone = true;
    while (this.#inFlight.length > 0) this.#client!.batchDone(this.#inFlight.shift()!);
    this.#client!.closed(this.#reason);
  }
}

/** `host:port`, with brackets around IPv6; an IPv4-mapped address as IPv4. */
export function address(host: string | undefined, port: number | undefined): string {
  if (host === undefined || port === undefined) return 'unknown';
  const plain = host.startsWith('::ffff:') && host.includes('.') ? host.slice(7) : host;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
