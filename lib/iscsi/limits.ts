/** Limits of login and text negotiation, which a peer meets before anybody knows who it is. */
import { assert, KIB } from '../base/index.ts';

/** MaxRecvDataSegmentLength until declared, and for every login PDU. @source RFC 7143 §13.12 */
export const LOGIN_SEGMENT_BYTES = 8 * KIB;
/**
 * Text of one negotiation step, which may come in several PDUs; the least that RFC 7143 §6.2 asks
 * for.
 */
export const NEGOTIATION_TEXT_BYTES_MAX = 8 * KIB;
/** The same for what a target sends to our initiator, which has chosen it. */
export const LOGIN_ANSWER_BYTES_MAX = 64 * KIB;
/** Login requests of one login, continuations included. */
export const LOGIN_REQUESTS_MAX = 64;
/** key=value pairs of one negotiation step. */
export const NEGOTIATION_PAIRS_MAX = 1024;
/** Length of a key. @source RFC 7143 §6.1 */
export const KEY_NAME_BYTES_MAX = 63;
/**
 * Encoded length of one value or list element, for which 255 bytes of decoded text are the
 * standard's limit.
 */
export const SIMPLE_VALUE_BYTES_MAX = 255;
/** Longest answer to one text request (SendTargets), which leaves over several PDUs. */
export const TEXT_ANSWER_BYTES_MAX = 16 * 1024 * KIB;
/** Length of an iSCSI name. @source RFC 7143 §4.2.7.2 */
export const ISCSI_NAME_BYTES_MAX = 223;

assert(NEGOTIATION_TEXT_BYTES_MAX >= LOGIN_SEGMENT_BYTES, 'one full login PDU must fit');
assert(ISCSI_NAME_BYTES_MAX <= SIMPLE_VALUE_BYTES_MAX, 'a name must fit a value');
assert(
  LOGIN_REQUESTS_MAX * LOGIN_SEGMENT_BYTES >= NEGOTIATION_TEXT_BYTES_MAX,
  'the text allowed must fit the requests allowed',
);
