/** Numbers and byte strings in text keys: decimal, hex or base64. @source RFC 7143 §6.1 */

const DECIMAL = /^(0|[1-9][0-9]*)$/;
const HEX = /^0[xX][0-9a-fA-F]+$/;
const BASE64 = /^0[bB](?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
const PREFIX_CHARACTERS = 2;
/** A decimal constant stands for at most 64 bits. */
const DECIMAL_DIGITS_MAX = 20;

const fromHex = (digits: string): Buffer =>
  Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');

/**
 * @returns undefined where the text is no constant, or stands for no byte or for more than
 * `bytesMax`.
 */
export function parseBinary(text: string, bytesMax: number): Buffer | undefined {
  // the longest spelling is hex, so nothing longer is worth looking at
  if (text.length > PREFIX_CHARACTERS + 2 * bytesMax) return undefined;
  let value: Buffer | undefined;
  if (HEX.test(text)) value = fromHex(text.slice(PREFIX_CHARACTERS));
  else if (BASE64.test(text)) value = Buffer.from(text.slice(PREFIX_CHARACTERS), 'base64');
  else if (DECIMAL.test(text) && text.length <= DECIMAL_DIGITS_MAX) {
    value = fromHex(BigInt(text).toString(16));
  }
  return value !== undefined && value.length > 0 && value.length <= bytesMax ? value : undefined;
}

/** A number of one byte in any of the three spellings. */
export function parseByte(text: string): number | undefined {
  const value = parseBinary(text, DECIMAL_DIGITS_MAX);
  if (value === undefined || value.subarray(0, -1).some((byte) => byte !== 0)) return undefined;
  return value[value.length - 1];
}

export const formatHex = (value: Buffer): string => `0x${value.toString('hex')}`;
