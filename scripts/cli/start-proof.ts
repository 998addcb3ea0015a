/**
 * Shows that a LUN keeps what it is given: looks for the file of the last time, writes one, reads
 * it back.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Failure, MIB, roundUp } from '../../lib/base/index.ts';
import { promiseFace } from '../../lib/block/index.ts';
import { Initiator } from '../../lib/transport/index.ts';
import type { InitiatorOptions } from '../../lib/transport/index.ts';

type Disk = Awaited<ReturnType<typeof Initiator.open>>;

/** What stands in the first block; the file follows. */
interface Header {
  readonly hawser: 'start';
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly writtenAt: string;
}

const HEADER_BYTES = 4096;
const PIECE_BYTES = MIB;
/** Pieces under way at once. */
const PIECES_AT_ONCE = 8;

/** @returns what was found and done, a line each. @throws Failure where what comes back differs. */
export async function proveDisk(url: string, options: InitiatorOptions): Promise<string[]> {
  const disk = await Initiator.open(url, options);
  try {
    return [...(await checkEarlier(disk)), ...(await writeAndRead(disk))];
  } finally {
    await disk.close();
  }
}

async function checkEarlier(disk: Disk): Promise<string[]> {
  const header = await readHeader(disk);
  if (header === undefined) return [];
  const { name, bytes, sha256, writtenAt } = header;
  const found = digest(await readBytes(disk, bytes));
  if (found !== sha256) {
    throw new Failure(
      'unexpected',
      `${name} of ${writtenAt}: expected sha256 ${sha256}, found ${found}`,
    );
  }
  return [`found ${name} of ${writtenAt} as it was written (${bytes} bytes)`];
}

async function readHeader(disk: Disk): Promise<Header | undefined> {
  const block = Buffer.alloc(HEADER_BYTES);
  await promiseFace(disk).read(0, block);
  const end = block.indexOf(0);
  try {
    const header = JSON.parse(block.toString('utf8', 0, end < 0 ? block.length : end)) as Header;
    return header.hawser === 'start' ? header : undefined;
  } catch {
    // the user's own data, or nothing yet
    return undefined;
  }
}

async function writeAndRead(disk: Disk): Promise<string[]> {
  const foreign = (await readHeader(disk)) === undefined && !(await isBlank(disk));
  if (foreign) return ['the disk holds data of yours: nothing is written'];
  const content = readFileSync(process.execPath);
  const sha256 = digest(content);
  const name = basename(process.execPath);
  const began = performance.now();
  await writeBytes(disk, content);
  const writtenAt = new Date().toISOString();
  const header: Header = { hawser: 'start', name, bytes: content.length, sha256, writtenAt };
  await writeHeader(disk, header);
  const found = digest(await readBytes(disk, content.length));
  if (found !== sha256) {
    throw new Failure('unexpected', `${name}: wrote sha256 ${sha256}, read ${found}`);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  return [
    `wrote ${name} (${content.length} bytes) through iSCSI and read it back in ${seconds} s`,
    `sha256 written ${sha256}`,
    `sha256 read    ${found}`,
  ];
}

async function isBlank(disk: Disk): Promise<boolean> {
  const block = Buffer.alloc(HEADER_BYTES);
  await promiseFace(disk).read(0, block);
  return block.every((byte) => byte === 0);
}

async function writeHeader(disk: Disk, header: Header): Promise<void> {
  const block = Buffer.alloc(HEADER_BYTES);
  block.write(JSON.stringify(header));
  const io = promiseFace(disk);
  // the file is durable before anything says that it is there
  await io.flush();
  await io.write(0, block);
  await io.flush();
}

async function writeBytes(disk: Disk, content: Buffer): Promise<void> {
  const io = promiseFace(disk);
  const padded = Buffer.alloc(roundUp(content.length, HEADER_BYTES));
  content.copy(padded);
  await inPieces(padded, (at, piece) => io.write(HEADER_BYTES + at, piece));
}

async function readBytes(disk: Disk, bytes: number): Promise<Buffer> {
  const io = promiseFace(disk);
  const padded = Buffer.alloc(roundUp(bytes, HEADER_BYTES));
  await inPieces(padded, (at, piece) => io.read(HEADER_BYTES + at, piece));
  return padded.subarray(0, bytes);
}

async function inPieces(
  whole: Buffer,
  transfer: (at: number, piece: Buffer) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < whole.length) {
      const at = next;
      next += PIECE_BYTES;
      await transfer(at, whole.subarray(at, at + PIECE_BYTES));
    }
  };
  await Promise.all(Array.from({ length: PIECES_AT_ONCE }, worker));
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
