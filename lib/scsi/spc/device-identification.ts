/**
 * Device Identification VPD page (SPC-4): designators of the logical unit, of the port it is asked
 * through, of the target.
 */
import type { LogicalUnit } from '../logical-unit.ts';
import type { ItNexus } from '../nexus.ts';

const CodeSet = { binary: 1, ascii: 2, utf8: 3 } as const;
const Association = { logicalUnit: 0, targetPort: 1, targetDevice: 2 } as const;
const DesignatorType = {
  vendorId: 1,
  naa: 3,
  relativeTargetPort: 4,
  targetPortGroup: 5,
  scsiNameString: 8,
} as const;

const PROTOCOL_ISCSI = 0x50;
const PIV_BIT = 0x80;

interface Designator {
  readonly codeSet: number;
  readonly association: number;
  readonly type: number;
  readonly value: Buffer;
}

function designatorBytes({ codeSet, association, type, value }: Designator): Buffer {
  const ofPort = association !== Association.logicalUnit;
  const header = Buffer.from([
    (ofPort ? PROTOCOL_ISCSI : 0) | codeSet,
    (ofPort ? PIV_BIT : 0) | (association << 4) | type,
    0,
    value.length,
  ]);
  return Buffer.concat([header, value]);
}

/** Two reserved bytes before a 16-bit identifier. */
const identifier = (value: number): Buffer =>
  Buffer.from([0, 0, (value >> 8) & 0xff, value & 0xff]);

/** Ends with NUL and fills up to a multiple of four bytes. */
function nameString(name: string): Buffer {
  const bytes = Buffer.from(name, 'utf8');
  const padded = Buffer.alloc((Math.floor(bytes.length / 4) + 1) * 4);
  bytes.copy(padded);
  return padded;
}

/** Name of an iSCSI target port: the target's name and its portal group (SPC-4, RFC 7143). */
const portName = (nexus: ItNexus): string => {
  const { targetName, portalGroupTag } = nexus.identity;
  return `${targetName},t,0x${portalGroupTag.toString(16).padStart(4, '0')}`;
};

const unitDesignators = (unit: LogicalUnit, nexus: ItNexus): Designator[] => [
  {
    codeSet: CodeSet.binary,
    association: Association.logicalUnit,
    type: DesignatorType.naa,
    value: unit.identity.naa,
  },
  {
    codeSet: CodeSet.ascii,
    association: Association.logicalUnit,
    type: DesignatorType.vendorId,
    value: Buffer.from(nexus.product.vendor.slice(0, 8).padEnd(8, ' ') + unit.identity.serial),
  },
];

const portDesignators = (nexus: ItNexus): Designator[] => [
  {
    codeSet: CodeSet.binary,
    association: Association.targetPort,
    type: DesignatorType.relativeTargetPort,
    value: identifier(nexus.identity.relativePortId),
  },
  {
    codeSet: CodeSet.binary,
    association: Association.targetPort,
    type: DesignatorType.targetPortGroup,
    value: identifier(nexus.identity.portalGroupTag),
  },
  {
    codeSet: CodeSet.utf8,
    association: Association.targetPort,
    type: DesignatorType.scsiNameString,
    value: nameString(portName(nexus)),
  },
  {
    codeSet: CodeSet.utf8,
    association: Association.targetDevice,
    type: DesignatorType.scsiNameString,
    value: nameString(nexus.identity.targetName),
  },
];

/** The body of the page: all designators. */
export const deviceIdentification = (unit: LogicalUnit, nexus: ItNexus): Buffer =>
  Buffer.concat([...unitDesignators(unit, nexus), ...portDesignators(nexus)].map(designatorBytes));
