/**
 * What else may be on a disk. A disk joins an array on its own only when both ends are zeros;
 * anything else needs the operator's word, and is named as well as a few well-known signatures
 * allow.
 */

interface Signature {
  readonly name: string;
  /** From the start of the disk; negative: from its end. */
  readonly offsetBytes: number;
  readonly bytes: Buffer;
}

const text = (value: string): Buffer => Buffer.from(value, 'latin1');
const hex = (value: string): Buffer => Buffer.from(value, 'hex');

/**
 * In the order in which they are asked: a file system first, the boot sector that many of them
 * carry last.
 */
// prettier-ignore
export const signatures: readonly Signature[] = [
  { name: 'LUKS volume', offsetBytes: 0, bytes: hex('4c554b53babe') },
  { name: 'LVM physical volume', offsetBytes: 512, bytes: text('LABELONE') },
  { name: 'LVM physical volume', offsetBytes: 0, bytes: text('LABELONE') },
  { name: 'ext2, ext3 or ext4 file system', offsetBytes: 1080, bytes: hex('53ef') },
  { name: 'XFS file system', offsetBytes: 0, bytes: text('XFSB') },
  { name: 'Btrfs file system', offsetBytes: 65600, bytes: text('_BHRfS_M') },
  { name: 'F2FS file system', offsetBytes: 1024, bytes: hex('1020f5f2') },
  { name: 'bcachefs or bcache device', offsetBytes: 4120, bytes: hex('c68573f64e1a45ca8265f57f48ba6d81') },
  { name: 'NTFS file system', offsetBytes: 3, bytes: text('NTFS    ') },
  { name: 'exFAT file system', offsetBytes: 3, bytes: text('EXFAT   ') },
  { name: 'FAT file system', offsetBytes: 54, bytes: text('FAT') },
  { name: 'FAT32 file system', offsetBytes: 82, bytes: text('FAT32') },
  { name: 'SquashFS file system', offsetBytes: 0, bytes: text('hsqs') },
  { name: 'ISO 9660 image', offsetBytes: 32769, bytes: text('CD001') },
  { name: 'Linux software RAID member', offsetBytes: 0, bytes: hex('fc4e2ba9') },
  { name: 'Linux software RAID member', offsetBytes: 4096, bytes: hex('fc4e2ba9') },
  { name: 'Linux software RAID member', offsetBytes: -8192, bytes: hex('fc4e2ba9') },
  { name: 'Linux software RAID member', offsetBytes: -65536, bytes: hex('fc4e2ba9') },
  { name: 'Linux swap space', offsetBytes: 4086, bytes: text('SWAPSPACE2') },
  { name: 'QEMU qcow2 image', offsetBytes: 0, bytes: hex('514649fb') },
  { name: 'GPT partition table', offsetBytes: 512, bytes: text('EFI PART') },
  { name: 'GPT partition table', offsetBytes: 4096, bytes: text('EFI PART') },
  { name: 'GPT partition table (backup)', offsetBytes: -512, bytes: text('EFI PART') },
  { name: 'GPT partition table (backup)', offsetBytes: -4096, bytes: text('EFI PART') },
  { name: 'MBR partition table or boot sector', offsetBytes: 510, bytes: hex('55aa') },
];

/**
 * @param start first bytes of the disk. @param end its last bytes.
 * @returns what other use of the disk is recognized.
 */
export function knownContent(start: Buffer, end: Buffer): string | undefined {
  const known = signatures.find(({ offsetBytes, bytes }) => {
    const area = offsetBytes < 0 ? end : start;
    const at = offsetBytes < 0 ? area.length + offsetBytes : offsetBytes;
    return area.subarray(at, at + bytes.length).equals(bytes);
  });
  return known?.name;
}

/** @returns undefined for zeros, else what is there. */
export function foreignContent(start: Buffer, end: Buffer): string | undefined {
  const known = knownContent(start, end);
  if (known !== undefined) return known;
  if (!isZero(start)) return 'unknown data at the start of the disk';
  if (!isZero(end)) return 'unknown data at the end of the disk';
  return undefined;
}

const ZEROS = Buffer.alloc(64 * 1024);

export function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const piece = bytes.subarray(at, at + ZEROS.length);
    if (!piece.equals(ZEROS.subarray(0, piece.length))) return false;
  }
  return true;
}
