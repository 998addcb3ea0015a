/**
 * Asymmetric logical unit access (SPC-4) of a server that has none: all portals are one target port
 * group, which is active/optimized and never changes. SET TARGET PORT GROUPS is not there, as
 * INQUIRY says (TPGS: implicit).
 */
import type { CommandRow } from '../command.ts';
import { finishParameterData } from '../finish.ts';
import type { NexusIdentity } from '../nexus.ts';
import { invalidCdbField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import type { ScsiTask } from '../task.ts';
import { bits, encode, flag, layout, u16, u32, u8 } from '../../wire/index.ts';

const OPCODE = 0xa3;
const SERVICE_ACTION = 0x0a;
const FORMAT_LENGTH_ONLY = 0;
const FORMAT_EXTENDED = 1;
const ACTIVE_OPTIMIZED = 0;

const reportTargetPortGroupsCdb = layout(12, {
  opcode: u8(0, OPCODE),
  parameterDataFormat: bits(1, 0xe0),
  serviceAction: bits(1, 0x1f, SERVICE_ACTION),
  allocationLengthBytes: u32(6),
});
const cdbFields = reportTargetPortGroupsCdb.fields;

const lengthHeader = layout(4, { returnDataLengthBytes: u32(0) });
const extendedHeader = layout(8, {
  returnDataLengthBytes: u32(0),
  formatType: bits(4, 0x70, FORMAT_EXTENDED),
  implicitTransitionTimeSeconds: u8(5),
});

/** Descriptor of a group with one port. */
const groupDescriptor = layout(12, {
  preferred: flag(0, 0x80),
  accessState: bits(0, 0x0f, ACTIVE_OPTIMIZED),
  activeOptimizedSupported: flag(1, 0x01, true),
  targetPortGroup: u16(2),
  statusCode: u8(5),
  portCount: u8(7, 1),
  relativePortId: u16(10),
});

/** Parameter data of REPORT TARGET PORT GROUPS. */
export function targetPortGroups(identity: NexusIdentity, extended: boolean): Buffer {
  const group = encode(groupDescriptor, {
    targetPortGroup: identity.portalGroupTag,
    relativePortId: identity.relativePortId,
  });
  const header = extended ? extendedHeader : lengthHeader;
  const lengthFieldBytes = 4;
  const returnDataLengthBytes = header.sizeBytes - lengthFieldBytes + group.length;
  return Buffer.concat([encode(header, { returnDataLengthBytes }), group]);
}

function prepare(task: ScsiTask): SenseReason | undefined {
  if (cdbFields.parameterDataFormat.read(task.cdb, 0) > FORMAT_EXTENDED) {
    return invalidCdbField(task, 1, 7);
  }
  task.dataInBytesMax = cdbFields.allocationLengthBytes.read(task.cdb, 0);
  task.bufferBytes = Math.min(
    task.dataInBytesMax,
    extendedHeader.sizeBytes + groupDescriptor.sizeBytes,
  );
  return undefined;
}

function run(task: ScsiTask): void {
  const format = cdbFields.parameterDataFormat.read(task.cdb, 0);
  const data = targetPortGroups(task.nexus!.identity, format !== FORMAT_LENGTH_ONLY);
  finishParameterData(task, data);
}

export const aluaCommands: readonly CommandRow[] = [
  {
    opcode: OPCODE,
    serviceAction: SERVICE_ACTION,
    name: 'REPORT TARGET PORT GROUPS',
    cdbBytes: 12,
    usage: [OPCODE, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0],
    reservation: 'always',
    whenNotReady: true,
    prepare,
    run,
  },
];
