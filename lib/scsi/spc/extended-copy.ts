/**
 * EXTENDED COPY (LID1) and RECEIVE COPY RESULTS of SPC-4: copies between logical units of this
 * server that the sending nexus sees, and no others.
 */
import type { CommandRow } from '../command.ts';
import { finishGood, finishParameterData, finishSense, finishStatus } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import { SENSE_BYTES_MAX, invalidCdbField, writeSense } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import { ScsiStatus } from '../status.ts';
import type { ScsiTask } from '../task.ts';
import { bits, layout, u32, u8 } from '../../wire/index.ts';
import { CopyEngine } from './extended-copy-engine.ts';
import { CONCURRENT_COPIES_MAX, CopyStatus, journalOf } from './extended-copy-journal.ts';
import type { CopyRecord } from './extended-copy-journal.ts';
import {
  DESCRIPTOR_LIST_BYTES_MAX,
  INLINE_DATA_BYTES_MAX,
  LIST_HEADER_BYTES,
  ListIdUsage,
  parseCopyList,
} from './extended-copy-parameters.ts';
import type { CopyList } from './extended-copy-parameters.ts';
import { planCopy } from './extended-copy-plan.ts';
import {
  copyStatusData,
  failedSegmentDetails,
  operatingParameters,
} from './extended-copy-results.ts';

const EXTENDED_COPY = 0x83;
const RECEIVE_COPY_RESULTS = 0x84;
const PARAMETER_LIST_BYTES_MAX =
  LIST_HEADER_BYTES + DESCRIPTOR_LIST_BYTES_MAX + INLINE_DATA_BYTES_MAX;

const extendedCopyCdb = layout(16, {
  opcode: u8(0, EXTENDED_COPY),
  serviceAction: bits(1, 0x1f),
  parameterListLengthBytes: u32(10),
});
const receiveCopyResultsCdb = layout(16, {
  opcode: u8(0, RECEIVE_COPY_RESULTS),
  serviceAction: bits(1, 0x1f),
  listId: u8(2),
  allocationLengthBytes: u32(10),
});
const resultsFields = receiveCopyResultsCdb.fields;
/** Longest answer: failed segment details with sense data. */
const RESULTS_BYTES_MAX = 256;

function prepareCopy(task: ScsiTask): SenseReason | undefined {
  const listBytes = extendedCopyCdb.fields.parameterListLengthBytes.read(task.cdb, 0);
  if (listBytes > PARAMETER_LIST_BYTES_MAX) return 'parameterListLengthError';
  task.dataOutBytes = listBytes;
  task.bufferBytes = listBytes;
  return undefined;
}

function runCopy(task: ScsiTask): void {
  // no parameter list: nothing to copy, no error (SPC-4)
  if (task.dataOutBytes === 0) {
    finishGood(task);
    return;
  }
  const list = parseCopyList(task);
  if (typeof list === 'string') {
    finishSense(task, list);
    return;
  }
  const journal = journalOf(task.itl!);
  if (list.listIdUsage !== ListIdUsage.none && journal.isInUse(list.listId)) {
    finishSense(task, 'copyListIdInUse');
  } else if (journal.inProgress >= CONCURRENT_COPIES_MAX)
    finishStatus(task, ScsiStatus.taskSetFull);
  else beginCopy(task, list);
}

function beginCopy(task: ScsiTask, list: CopyList): void {
  const plan = planCopy(task, list);
  const listId = list.listIdUsage === ListIdUsage.none ? -1 : list.listId;
  const record = journalOf(task.itl!).begin(listId, list.listIdUsage === ListIdUsage.hold);
  if (plan.kind === 'conflict') {
    endRecord(task, record, ScsiStatus.reservationConflict);
    finishStatus(task, ScsiStatus.reservationConflict);
  } else if (plan.kind === 'refused') endCopy(task, record, plan.reason);
  else {
    new CopyEngine(task, plan.extents, record, (reason) => endCopy(task, record, reason)).start();
  }
}

function endCopy(task: ScsiTask, record: CopyRecord, reason: SenseReason | undefined): void {
  if (reason === undefined) {
    endRecord(task, record, ScsiStatus.good);
    finishGood(task);
    return;
  }
  const sense = Buffer.alloc(SENSE_BYTES_MAX);
  const detail = { specific: task.senseSpecific, information: task.senseInformation };
  record.sense = sense.subarray(0, writeSense(sense, reason, detail, false));
  endRecord(task, record, ScsiStatus.checkCondition);
  finishSense(task, reason);
}

function endRecord(task: ScsiTask, record: CopyRecord, status: ScsiStatus): void {
  const succeeded = status === ScsiStatus.good;
  record.scsiStatus = status;
  journalOf(task.itl!).end(record, succeeded ? CopyStatus.succeeded : CopyStatus.failed);
}

function prepareResults(task: ScsiTask): SenseReason | undefined {
  task.dataInBytesMax = resultsFields.allocationLengthBytes.read(task.cdb, 0);
  task.bufferBytes = Math.min(task.dataInBytesMax, RESULTS_BYTES_MAX);
  return undefined;
}

/** COPY STATUS and FAILED SEGMENT DETAILS: results of a copy that has ended are told once. */
const resultsOfCopy =
  (answer: (record: CopyRecord) => Buffer) =>
  (task: ScsiTask): void => {
    const journal = journalOf(task.itl!);
    const record = journal.find(resultsFields.listId.read(task.cdb, 0));
    if (record === undefined) {
      finishSense(task, invalidCdbField(task, resultsFields.listId.at));
      return;
    }
    const data = answer(record);
    journal.fetched(record);
    finishParameterData(task, data);
  };

const common = { cdbBytes: 16 } as const;
const resultsRow = (
  serviceAction: number,
  name: string,
  run: (task: ScsiTask, unit: LogicalUnit) => void,
): CommandRow => ({
  ...common,
  opcode: RECEIVE_COPY_RESULTS,
  serviceAction,
  name: `RECEIVE COPY RESULTS, ${name}`,
  usage: [RECEIVE_COPY_RESULTS, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0],
  reservation: 'always',
  prepare: prepareResults,
  run,
});

export const copyCommands: readonly CommandRow[] = [
  {
    ...common,
    opcode: EXTENDED_COPY,
    serviceAction: 0x00,
    name: 'EXTENDED COPY (LID1)',
    usage: [EXTENDED_COPY, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0],
    reservation: 'own',
    prepare: prepareCopy,
    run: runCopy,
  },
  resultsRow(0x00, 'COPY STATUS', resultsOfCopy(copyStatusData)),
  resultsRow(0x03, 'OPERATING PARAMETERS', (task) =>
    finishParameterData(task, operatingParameters()),
  ),
  resultsRow(0x04, 'FAILED SEGMENT DETAILS', resultsOfCopy(failedSegmentDetails)),
];
