/** What a connection asks of the shell that owns its socket (lib/transport). */
export interface ConnectionPort {
  /** The address of ours that the peer came to, `host:port`. */
  readonly localAddress: string;
  readonly remoteAddress: string;
  /** The connection's outbox got something; the shell empties it before the event loop turns. */
  wake(): void;
  /**
   * Sends what is in the outbox, then ends the connection; the shell answers with
   * `connection.closed()`.
   */
  close(): void;
}
