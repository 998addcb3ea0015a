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

const unmapWithOtherData: KnownFailure = {
  test: 'WriteSame10.UnmapUntilEnd',
  clause: 'SBC-3, WRITE SAME (10): UNMAP bit, with LBPRZ set to one',
  reason:
    'sends a block of FFh with UNMAP and expects zeros; where unmapped blocks read as zeros, ' +
    'other data has to be written',
};

/** Passes alone, which iscsi-test-cu.test.ts shows as well. */
const afterLeftReservation: KnownFailure = {
  test: 'Sanitize.Reset',
  clause:
    'SPC-2, RESERVE(6): a reservation holds until it is released, the unit reset or the nexus lost',
  reason:
    'the test before it, Sanitize.Reservations, leaves the RESERVE(6) of its second path, ' +
    'so that SANITIZE ends in RESERVATION CONFLICT',
};

/** On a disk with 512-byte blocks, 8 of them in a physical block. */
export const knownFailures: readonly KnownFailure[] = [
  {
    test: 'GetLBAStatus.UnmapSingle',
    clause: 'SBC-3, GET LBA STATUS: the descriptors begin at the STARTING LOGICAL BLOCK ADDRESS',
    reason:
      'asks for LBA n+1 and expects a descriptor of LBA n plus one physical block, ' +
      'which are the same only where both block sizes are',
  },
  unmapWithOtherData,
  afterLeftReservation,
];

const writes512Bytes = {
  clause: 'SBC-3, WRITE (10): the transfer length counts logical blocks of the unit',
  reason: 'sends 512 bytes of Data-Out for one block, whatever the block length is',
};

/** On a disk with 4096-byte blocks, for which the tool was not written. */
export const knownFailuresOnLargeBlocks: readonly KnownFailure[] = [
  unmapWithOtherData,
  afterLeftReservation,
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
