/**
 * PDUs of RFC 7143, put together by hand: independent of lib/iscsi, so that the tests that use it
 * don't share its errors, and able to say what no honest initiator would.
 */

export const BHS_BYTES = 48;
export const RESERVED_TAG = 0xffff_ffff;

export const opcode = {
  nopOut: 0x00,
  scsiCommand: 0x01,
  taskManagement: 0x02,
  login: 0x03,
  text: 0x04,
  dataOut: 0x05,
  logout: 0x06,
  nopIn: 0x20,
  scsiResponse: 0x21,
  taskManagementResponse: 0x22,
  loginResponse: 0x23,
  textResponse: 0x24,
  dataIn: 0x25,
  logoutResponse: 0x26,
  r2t: 0x31,
  asyncMessage: 0x32,
  reject: 0x3f,
} as const;

export const taskFunction = {
  abortTask: 1,
  abortTaskSet: 2,
  clearAca: 3,
  clearTaskSet: 4,
  logicalUnitReset: 5,
  targetWarmReset: 6,
  targetColdReset: 7,
} as const;

export interface RawPdu {
  readonly opcode: number;
  readonly bhs: Buffer;
  readonly data: Buffer;
}

/** A header with opcode, flags and tag; everything else is written by whoever needs it. */
export function header(code: number, flags: number, tag: number, immediate = false): Buffer {
  const bhs = Buffer.alloc(BHS_BYTES);
  bhs[0] = code | (immediate ? 0x40 : 0);
  bhs[1] = flags;
  bhs.writeUInt32BE(tag, 16);
  return bhs;
}

/** Peripheral device addressing up to 255, flat space addressing above. */
export function writeLun(bhs: Buffer, lun: number): void {
  bhs.writeUInt16BE(lun < 256 ? lun : 0x4000 | lun, 8);
}

export const pad = (lengthBytes: number): number => -lengthBytes & 3;

export const encodeText = (pairs: Readonly<Record<string, string>>): Buffer =>
  Buffer.from(
    Object.entries(pairs)
      .map(([key, value]) => `${key}=${value}\0`)
      .join(''),
  );

export const decodeText = (data: Buffer): [string, string][] =>
  data
    .toString()
    .split('\0')
    .filter((pair) => pair !== '')
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);

/** CRC32C a bit at a time: slow, and nobody else's. */
export function slowCrc32c(bytes: Buffer): Buffer {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  const digest = Buffer.alloc(4);
  digest.writeUInt32LE(~crc >>> 0);
  return digest;
}

/** A PDU on the wire, with data segment length, padding and digests. */
export function frame(bhs: Buffer, data: Buffer, digests = { header: false, data: false }): Buffer {
  bhs.writeUIntBE(data.length, 5, 3);
  const padded = Buffer.concat([data, Buffer.alloc(pad(data.length))]);
  return Buffer.concat([
    bhs,
    digests.header ? slowCrc32c(bhs) : Buffer.alloc(0),
    padded,
    digests.data && data.length > 0 ? slowCrc32c(padded) : Buffer.alloc(0),
  ]);
}

/** Takes PDUs off a byte stream; checks digests. */
export class RawFramer {
  readonly digests = { header: false, data: false };
  #bytes: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): RawPdu[] {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    const pdus: RawPdu[] = [];
    for (let pdu = this.#next(); pdu !== undefined; pdu = this.#next()) pdus.push(pdu);
    return pdus;
  }

  #next(): RawPdu | undefined {
    const bytes = this.#bytes;
    if (bytes.length < BHS_BYTES) return undefined;
    const dataBytes = bytes.readUIntBE(5, 3);
    const headerEnd = BHS_BYTES + 4 * bytes[4]!;
    const dataStart = headerEnd + (this.digests.header ? 4 : 0);
    const paddedEnd = dataStart + dataBytes + pad(dataBytes);
    const digested = this.digests.data && dataBytes > 0;
    const end = paddedEnd + (digested ? 4 : 0);
    if (bytes.length < end) return undefined;
    if (this.digests.header) check(bytes, 0, headerEnd);
    if (digested) check(bytes, dataStart, paddedEnd);
    this.#bytes = bytes.subarray(end);
    return {
      opcode: bytes[0]! & 0x3f,
      bhs: Buffer.from(bytes.subarray(0, BHS_BYTES)),
      data: Buffer.from(bytes.subarray(dataStart, dataStart + dataBytes)),
    };
  }
}

function check(bytes: Buffer, start: number, end: number): void {
  if (!slowCrc32c(bytes.subarray(start, end)).equals(bytes.subarray(end, end + 4)))
    throw new Error('the target sent a wrong digest');
}
