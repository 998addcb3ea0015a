/** The SCSI command that performs one part of a block request. */
import { KIB } from '../base/index.ts';
import { putSynchronizeCache, putTransfer, putUnmap, putWriteSame } from './cdb.ts';
import type { DeviceProfile } from './device-profile.ts';
import { Method } from './remote-operation.ts';
import type { RemotePart } from './remote-operation.ts';

const ZERO_WRITE_BYTES = 256 * KIB;
/** Data of every write of zeros; no block is longer. Never written to. */
const zeroes = Buffer.alloc(ZERO_WRITE_BYTES);

/** Longest part that one command does. */
export function partBytesMax(method: Method, profile: DeviceProfile): number {
  switch (method) {
    case Method.unmap:
      return profile.unmapBytesMax;
    case Method.writeSame:
    case Method.writeSameUnmap:
      return profile.writeSameBytesMax;
    case Method.writeZeroData:
      return ZERO_WRITE_BYTES;
    default:
      return profile.features.maxTransferBytes;
  }
}

/** Sets CDB and data of the part's command. */
export function fillCommand(part: RemotePart, profile: DeviceProfile): void {
  const { command, offsetBytes, lengthBytes } = part;
  const { method, request } = part.operation!;
  const blockSize = profile.blockSizeBytes;
  const lba = (request!.offsetBytes + offsetBytes) / blockSize;
  const blocks = lengthBytes / blockSize;
  command.inBytes = 0;
  command.outBytes = 0;
  switch (method) {
    case Method.read:
      putTransfer(command, { write: false, lba, blocks, fua: false });
      command.inMemory = request!.memory!.bytes;
      command.inStart = request!.memoryStart + offsetBytes;
      command.inBytes = lengthBytes;
      return;
    case Method.write:
      putTransfer(command, { write: true, lba, blocks, fua: request!.fua && profile.fua });
      setOut(part, request!.memory!.bytes, request!.memoryStart + offsetBytes, lengthBytes);
      return;
    case Method.writeZeroData:
      putTransfer(command, { write: true, lba, blocks, fua: request!.fua && profile.fua });
      setOut(part, zeroes, 0, lengthBytes);
      return;
    case Method.unmap:
      putUnmap(command, part.list, { lba, blocks });
      setOut(part, part.list, 0, part.list.length);
      return;
    case Method.writeSame:
      putWriteSame(command, { lba, blocks, unmap: false, noData: false });
      setOut(part, zeroes, 0, blockSize);
      return;
    case Method.writeSameUnmap:
      putWriteSame(command, { lba, blocks, unmap: true, noData: false });
      setOut(part, zeroes, 0, blockSize);
      return;
    case Method.synchronize:
      putSynchronizeCache(command);
      return;
  }
}

function setOut(part: RemotePart, memory: Buffer, start: number, lengthBytes: number): void {
  part.command.outMemory = memory;
  part.command.outStart = start;
  part.command.outBytes = lengthBytes;
}
