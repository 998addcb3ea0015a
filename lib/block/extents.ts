/** Arithmetic on extent lists, shared by the devices that answer them. */
import type { BlockExtent } from './block-device.ts';

/** Appends, joining with the last extent of the same kind; empty ones vanish. */
export function appendExtent(
  list: BlockExtent[],
  offsetBytes: number,
  lengthBytes: number,
  kind: BlockExtent['kind'],
): void {
  if (lengthBytes <= 0) return;
  const last = list.at(-1);
  if (last !== undefined && last.kind === kind) {
    list[list.length - 1] = { ...last, lengthBytes: last.lengthBytes + lengthBytes };
  } else {
    list.push({ offsetBytes, lengthBytes, kind });
  }
}

/** The answer of a device that knows nothing of holes. */
export const allData = (offsetBytes: number, lengthBytes: number): BlockExtent[] =>
  lengthBytes > 0 ? [{ offsetBytes, lengthBytes, kind: 'data' }] : [];
