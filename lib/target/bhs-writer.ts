/**
 * Writes a basic header segment as twelve words, straight into the memory it leaves from. Response
 * headers are written at every I/O, so this one place trades the declared layouts of lib/iscsi for
 * plain stores; a test holds it against them.
 */
export class BhsWriter {
  /** Opcode, flags and bytes 2-3, big-endian. */
  first = 0;
  dataSegmentBytes = 0;
  lunHigh = 0;
  lunLow = 0;
  initiatorTaskTag = 0;
  targetTransferTag = 0;
  statSn = 0;
  expCmdSn = 0;
  maxCmdSn = 0;
  /** DataSN, R2TSN or ExpDataSN. */
  word36 = 0;
  /** Buffer offset. */
  word40 = 0;
  /** Residual count or desired length. */
  word44 = 0;

  put(bytes: Buffer, at: number): void {
    putWord(bytes, at, this.first);
    putWord(bytes, at + 4, this.dataSegmentBytes);
    putWord(bytes, at + 8, this.lunHigh);
    putWord(bytes, at + 12, this.lunLow);
    putWord(bytes, at + 16, this.initiatorTaskTag);
    putWord(bytes, at + 20, this.targetTransferTag);
    putWord(bytes, at + 24, this.statSn);
    putWord(bytes, at + 28, this.expCmdSn);
    putWord(bytes, at + 32, this.maxCmdSn);
    putWord(bytes, at + 36, this.word36);
    putWord(bytes, at + 40, this.word40);
    putWord(bytes, at + 44, this.word44);
  }
}

function putWord(bytes: Buffer, at: number, word: number): void {
  bytes[at] = word >>> 24;
  bytes[at + 1] = word >>> 16;
  bytes[at + 2] = word >>> 8;
  bytes[at + 3] = word;
}
