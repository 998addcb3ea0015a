/**
 * Tests of iscsi-test-cu that contradict the standards, each with the clause that it contradicts.
 */
export interface KnownFailure {
  /** `Suite.Test` as the tool names it. */
  readonly test: string;
  /** Standard and clause. */
  readonly clause: string;
  readonly reason: string;
}

/** On a disk with 512-byte blocks, which is what the tool was written for. */
export const knownFailures: readonly KnownFailure[] = [];

const writes512Bytes = {
  clause: 'SBC-3, WRITE (10): the transfer length counts logical blocks of the unit',
  reason: 'sends 512 bytes of Data-Out for one block, whatever the block length is',
};

/** On a disk with 4096-byte blocks, beyond those above. */
export const knownFailuresOnLargeBlocks: readonly KnownFailure[] = [
  {
    test: 'ExtendedCopy.Simple',
    clause: 'SBC-3, Block Limits VPD page: MAXIMUM TRANSFER LENGTH',
    reason: 'transfers 2048 blocks in one command, whatever the maximum transfer length is',
  },
  ...['AccessEA', 'AccessWE', 'AccessEARO', 'AccessWERO', 'AccessEAAR', 'AccessWEAR'].map(
    (name) => ({ test: `ProutReserve.${name}`, ...writes512Bytes }),
  ),
];

/**
 * Tests that find nothing to test on a writable disk that is not removable and keeps no crypto
 * keys.
 */
export const expectedSkips: readonly string[] = [
  // RMB is 0: there is no medium to lock or to eject
  'PreventAllow.Simple',
  'PreventAllow.Eject',
  'PreventAllow.ITNexusLoss',
  'PreventAllow.Logout',
  'PreventAllow.WarmReset',
  'PreventAllow.ColdReset',
  'PreventAllow.LUNReset',
  'PreventAllow.2ITNexuses',
  'StartStopUnit.Simple',
  // shown on a read-only partition instead
  'ReadOnly.ReadOnlySBC',
  // they end at their crypto part: crypto erase is not claimed
  'Sanitize.CryptoErase',
  'Sanitize.Readonly',
  'Sanitize.Reservations',
];

/** Tests of transfers that are not aligned to physical blocks: with large blocks there are none. */
export const expectedSkipsOnLargeBlocks: readonly string[] = [
  'CompareAndWrite.InvalidDataOutSize',
  'WriteSame10.InvalidDataOutSize',
  'WriteSame10.UnmapUnaligned',
  'WriteSame16.InvalidDataOutSize',
  'WriteSame16.UnmapUnaligned',
];
