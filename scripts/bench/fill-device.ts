/** Writes a whole LUN once, so that reads find data and not holes that the server need not read. */
import { existsSync, writeFileSync } from 'node:fs';
import { MIB } from '../../lib/base/index.ts';
import { promiseFace } from '../../lib/block/index.ts';
import { Initiator } from '../../lib/transport/index.ts';

const PIECE_BYTES = 4 * MIB;
const AT_ONCE = 4;

/** @param marker file that tells later runs that it was done. */
export async function fillDevice(url: string, marker: string): Promise<void> {
  if (existsSync(marker)) return;
  const disk = await Initiator.open(url);
  try {
    const face = promiseFace(disk);
    const data = pattern(PIECE_BYTES);
    let next = 0;
    const writer = async (): Promise<void> => {
      while (next < disk.capacityBytes) {
        const at = next;
        next += PIECE_BYTES;
        await face.write(at, data.subarray(0, Math.min(PIECE_BYTES, disk.capacityBytes - at)));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, writer));
    await face.flush();
  } finally {
    await disk.close();
  }
  writeFileSync(marker, '');
}

function pattern(lengthBytes: number): Buffer {
  const data = Buffer.alloc(lengthBytes);
  let word = 0x9e3779b9;
  for (let at = 0; at < lengthBytes; at += 4) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    data.writeUInt32LE(word, at);
  }
  return data;
}
