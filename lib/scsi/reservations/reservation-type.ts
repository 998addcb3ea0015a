/**
 * The six persistent reservation types of SPC-4, as the conflict check and REPORT CAPABILITIES need
 * them.
 */

/** Only scope there is: the logical unit. */
export const SCOPE_LOGICAL_UNIT = 0;

export interface ReservationType {
  /** TYPE field. */
  readonly code: number;
  readonly name: string;
  /** Others may not read either. */
  readonly exclusiveAccess: boolean;
  /** Registered nexuses that don't hold it have access too. */
  readonly registrantsHaveAccess: boolean;
  /** Every registered nexus holds it; it has no key of its own. */
  readonly allRegistrantsHold: boolean;
  /** Bit of the PERSISTENT RESERVATION TYPE MASK field, read as 16 bits. */
  readonly capabilityBit: number;
}

const writeExclusive = { exclusiveAccess: false };
const exclusiveAccess = { exclusiveAccess: true };
const byHolder = { registrantsHaveAccess: false, allRegistrantsHold: false };
const restricted = { registrantsHaveAccess: true, allRegistrantsHold: false };
const shared = { registrantsHaveAccess: true, allRegistrantsHold: true };

// prettier-ignore
const types: readonly ReservationType[] = [
  { code: 1, name: 'write exclusive', ...writeExclusive, ...byHolder, capabilityBit: 0x0200 },
  { code: 3, name: 'exclusive access', ...exclusiveAccess, ...byHolder, capabilityBit: 0x0800 },
  { code: 5, name: 'write exclusive, registrants only', ...writeExclusive, ...restricted, capabilityBit: 0x2000 },
  { code: 6, name: 'exclusive access, registrants only', ...exclusiveAccess, ...restricted, capabilityBit: 0x4000 },
  { code: 7, name: 'write exclusive, all registrants', ...writeExclusive, ...shared, capabilityBit: 0x8000 },
  { code: 8, name: 'exclusive access, all registrants', ...exclusiveAccess, ...shared, capabilityBit: 0x0001 },
];

/** Indexed by TYPE; undefined for obsolete and reserved codes. */
const byCode: readonly (ReservationType | undefined)[] = Array.from({ length: 16 }, (_, code) =>
  types.find((type) => type.code === code),
);

/** @returns undefined for a code that is no type. */
export const reservationType = (code: number): ReservationType | undefined => byCode[code];

/** PERSISTENT RESERVATION TYPE MASK of REPORT CAPABILITIES: all six. */
export const RESERVATION_TYPE_MASK = types.reduce((mask, type) => mask | type.capabilityBit, 0);
