/**
 * The target broke the protocol. At error recovery level 0 the connection can't go on; thrown by
 * whatever reads PDUs and caught in one place, `InitiatorConnection.receive`.
 */
export class TargetProtocolError extends Error {
  override readonly name = 'TargetProtocolError';
}
