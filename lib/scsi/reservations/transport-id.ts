/**
 * The iSCSI TransportID of SPC-4: an initiator port's name as persistent reservations carry it,
 * `name,i,0xISID`.
 */
const PROTOCOL_ISCSI = 0x05;
const FORMAT_DEVICE_NAME = 0;
const FORMAT_PORT_NAME = 1;
const HEADER_BYTES = 4;
/** ADDITIONAL LENGTH is never below this. */
const NAME_BYTES_MIN = 20;
/** iSCSI names have at most 223 bytes; the separator, the ISID and the terminator follow. */
const INITIATOR_NAME_BYTES_MAX = 223;
const SEPARATOR = ',i,0x';
const ISID_DIGITS = 12;
const ISCSI_NAME = /^(iqn\.|eui\.|naa\.)[^\s\0,]+$/;
const ISID_TEXT = /^[0-9a-f]{1,12}$/;

/**
 * An iSCSI initiator port: the node's name, normalized, and the ISID as twelve lower-case hex
 * digits.
 */
export interface InitiatorPort {
  readonly name: string;
  readonly isid: string;
}

/** What a TransportID said; `isid` is undefined where it names a node, not one of its ports. */
export interface DecodedTransportId {
  readonly name: string;
  readonly isid: string | undefined;
  /** Length of the whole TransportID. */
  readonly lengthBytes: number;
}

/** @param isid 6 bytes. */
export const initiatorPort = (name: string, isid: Uint8Array): InitiatorPort => ({
  name: name.toLowerCase(),
  isid: Buffer.from(isid.buffer, isid.byteOffset, isid.byteLength).toString('hex'),
});

/** SCSI name of the port: RFC 7143 calls it the initiator port name. */
export const initiatorPortName = (port: InitiatorPort): string =>
  `${port.name}${SEPARATOR}${port.isid}`;

/**
 * @returns a TransportID in the port-name format; its length is a multiple of four, at least 24.
 */
export function encodeTransportId(port: InitiatorPort): Buffer {
  const text = Buffer.from(initiatorPortName(port), 'utf8');
  const paddedBytes = Math.max(NAME_BYTES_MIN, Math.ceil((text.length + 1) / 4) * 4);
  const result = Buffer.alloc(HEADER_BYTES + paddedBytes);
  result[0] = (FORMAT_PORT_NAME << 6) | PROTOCOL_ISCSI;
  result.writeUInt16BE(paddedBytes, 2);
  text.copy(result, HEADER_BYTES);
  return result;
}

/**
 * @returns undefined where there is no well-formed iSCSI TransportID at `at` that ends before
 * `end`.
 */
export function decodeTransportId(
  bytes: Buffer,
  at: number,
  end: number,
): DecodedTransportId | undefined {
  if (at + HEADER_BYTES > end) return undefined;
  const format = bytes[at]! >> 6;
  const additionalBytes = bytes.readUInt16BE(at + 2);
  const lengthBytes = HEADER_BYTES + additionalBytes;
  if ((bytes[at]! & 0x0f) !== PROTOCOL_ISCSI || at + lengthBytes > end) return undefined;
  if (additionalBytes < NAME_BYTES_MIN || additionalBytes % 4 !== 0) return undefined;
  const area = bytes.subarray(at + HEADER_BYTES, at + lengthBytes);
  const terminator = area.indexOf(0);
  if (terminator < 0) return undefined;
  const text = area.toString('utf8', 0, terminator).toLowerCase();
  if (format === FORMAT_DEVICE_NAME) return decodeDeviceName(text, lengthBytes);
  return format === FORMAT_PORT_NAME ? decodePortName(text, lengthBytes) : undefined;
}

function decodeDeviceName(name: string, lengthBytes: number): DecodedTransportId | undefined {
  return isInitiatorName(name) ? { name, isid: undefined, lengthBytes } : undefined;
}

function decodePortName(text: string, lengthBytes: number): DecodedTransportId | undefined {
  const separator = text.indexOf(SEPARATOR);
  if (separator < 0) return undefined;
  const name = text.slice(0, separator);
  const isid = text.slice(separator + SEPARATOR.length);
  if (!isInitiatorName(name) || !ISID_TEXT.test(isid)) return undefined;
  return { name, isid: isid.padStart(ISID_DIGITS, '0'), lengthBytes };
}

const isInitiatorName = (name: string): boolean =>
  Buffer.byteLength(name) <= INITIATOR_NAME_BYTES_MAX && ISCSI_NAME.test(name);
