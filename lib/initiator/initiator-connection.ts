/**
 * One TCP connection of a session: bytes in, bytes out, StatSN. Which PDUs make sense is the
 * business of the sink that the session puts in place: login first, full feature afterwards.
 */
import { PduFramer } from '../iscsi/index.ts';
import type { PduSink } from '../iscsi/index.ts';
import { serialAdd, serialBefore } from '../wire/index.ts';
import type { Crc32c } from '../wire/index.ts';
import type { CommandLink } from './command-link.ts';
import { PduWriter } from './pdu-writer.ts';
import { TargetProtocolError } from './protocol-error.ts';
import { SendQueue } from './send-queue.ts';
import type { SendBatch } from './send-queue.ts';

/** What a connection asks of the shell that owns its socket (lib/transport). */
export interface InitiatorPort {
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** Something is queued; the shell takes it before the event loop turns. */
  wake(): void;
  /** Sends what is queued, then ends the connection; the shell answers with `closed`. */
  close(): void;
}

export interface ConnectionOwner {
  /** A chunk has been read to its end. */
  chunkReceived(): void;
  batchDone(): void;
  /** The target broke the protocol. */
  broken(what: string): void;
  /** The socket is gone. */
  closed(reason: string): void;
}

export class InitiatorConnection implements CommandLink {
  readonly writer: PduWriter;
  readonly framer: PduFramer;
  readonly port: InitiatorPort;
  expStatSn = 0;
  receivedBytes = 0;
  sentBytes = 0;
  readonly #owner: ConnectionOwner;
  #sink: PduSink;
  #ended = false;

  constructor(port: InitiatorPort, owner: ConnectionOwner, sink: PduSink, crc32c: Crc32c) {
    this.port = port;
    this.#owner = owner;
    this.#sink = sink;
    this.writer = new PduWriter(new SendQueue(), crc32c);
    this.framer = new PduFramer(
      {
        onHeader: (header, at, ahs, data) => this.#sink.onHeader(header, at, ahs, data),
        onPduEnd: (digestOk) => this.#sink.onPduEnd(digestOk),
        onHeaderDigestError: () => this.#sink.onHeaderDigestError(),
      },
      crc32c,
    );
  }

  /** From the next PDU on; digests as negotiated. */
  enterFullFeature(sink: PduSink, digests: { header: boolean; data: boolean }): void {
    this.#sink = sink;
    this.framer.headerDigest = digests.header;
    this.framer.dataDigest = digests.data;
    this.writer.headerDigest = digests.header;
    this.writer.dataDigest = digests.data;
  }

  statusReceived(statSn: number): void {
    if (!serialBefore(statSn, this.expStatSn)) this.expStatSn = serialAdd(statSn, 1);
  }

  wake(): void {
    this.port.wake();
  }

  /** Queues a PDU that is encoded already, its data without padding. */
  sendRaw(header: Buffer, data: Buffer): void {
    const at = this.writer.beginHeader();
    header.copy(this.writer.queue.bytes, at);
    this.writer.endHeader(at);
    this.writer.data(data, 0, data.length);
    this.wake();
  }

  close(): void {
    this.framer.stopped = true;
    this.port.close();
  }

  // ---- called by the shell

  receive(chunk: Buffer, start: number, end: number): void {
    this.receivedBytes += end - start;
    try {
      this.framer.receive(chunk, start, end);
    } catch (error) {
      if (!(error instanceof TargetProtocolError)) throw error;
      this.framer.stopped = true;
      this.#owner.broken(error.message);
      return;
    }
    if (!this.#ended) this.#owner.chunkReceived();
  }

  takeBatch(): SendBatch | undefined {
    return this.writer.queue.take();
  }

  batchDone(batch: SendBatch): void {
    this.sentBytes += batch.bytes;
    this.writer.queue.done(batch);
    this.#owner.batchDone();
  }

  closed(reason: string): void {
    this.#ended = true;
    this.framer.stopped = true;
    this.#owner.closed(reason);
  }
}
