/** PERSISTENT RESERVE OUT (SPC-4): registering, reserving, taking over. */
import type { CommandRow } from '../command.ts';
import { finishGood, finishSense, finishStatus } from '../finish.ts';
import type { LogicalUnit } from '../logical-unit.ts';
import {
  clear,
  preempt,
  register,
  registerAndMove,
  release,
  reserve,
} from '../reservations/persistent-changes.ts';
import type { Change, ReservationRefusal, Verdict } from '../reservations/persistent-changes.ts';
import type { PersistentState } from '../reservations/persistent-state.ts';
import { SCOPE_LOGICAL_UNIT, reservationType } from '../reservations/reservation-type.ts';
import { registeredNexus, registeredNexusId } from '../reservations/reservations.ts';
import type { ChangeOutcome } from '../reservations/reservations.ts';
import { invalidCdbField, invalidParameterField } from '../sense.ts';
import type { SenseReason } from '../sense.ts';
import { ScsiStatus } from '../status.ts';
import type { ScsiTask } from '../task.ts';
import {
  BASIC_LIST_BYTES,
  PARAMETER_LIST_BYTES_MAX,
  parseBasicList,
  parseMoveList,
} from './persistent-reserve-parameters.ts';
import type { BasicList, Refusal } from './persistent-reserve-parameters.ts';
import { bits, layout, u32, u8 } from '../../wire/index.ts';

const OPCODE = 0x5f;

const persistentReserveOutCdb = layout(10, {
  opcode: u8(0, OPCODE),
  serviceAction: bits(1, 0x1f),
  scope: bits(2, 0xf0),
  type: bits(2, 0x0f),
  parameterListLengthBytes: u32(5),
});
const cdbFields = persistentReserveOutCdb.fields;

/** A service action that the parameter list has turned into a decision. */
type Decision = (state: PersistentState) => Verdict;

interface ServiceAction {
  readonly code: number;
  readonly name: string;
  /** SCOPE and TYPE say what to reserve. */
  readonly namesReservation: boolean;
  /**
   * Keeps other nexuses from the unit or ends their registrations: not for a nexus that may only
   * read.
   */
  readonly affectsOthers: boolean;
  readonly endsTasks?: boolean;
  readonly parse: (task: ScsiTask, unit: LogicalUnit) => Decision | Refusal;
}

const refusalReasons: Readonly<Record<ReservationRefusal, SenseReason>> = {
  invalidParameter: 'invalidParameterField',
  invalidRelease: 'invalidReleaseOfReservation',
  noRegistrationResources: 'insufficientRegistrations',
};

const basic = (decide: (list: BasicList, task: ScsiTask) => Decision): ServiceAction['parse'] => {
  return (task, unit) => {
    const list = parseBasicList(task, unit);
    return 'refusal' in list ? list : decide(list, task);
  };
};

const requester = (task: ScsiTask, key: bigint) => ({ nexus: registeredNexus(task.itl!), key });

/** Valid since `prepare`. */
const wantedType = (task: ScsiTask) => reservationType(cdbFields.type.read(task.cdb, 0))!;

const parseRegister = (ignoreKey: boolean): ServiceAction['parse'] =>
  basic((list, task) => (state) => {
    const { newKey, aptpl, others, targetPorts } = list;
    const request = { ...requester(task, list.key), ignoreKey, newKey, aptpl, others, targetPorts };
    return register(state, request);
  });

const parsePreempt = basic((list, task) => (state) => {
  const request = { ...requester(task, list.key), type: wantedType(task), victimKey: list.newKey };
  return preempt(state, request);
});

function parseMove(task: ScsiTask, unit: LogicalUnit): Decision | Refusal {
  const list = parseMoveList(task, unit);
  if ('refusal' in list) return list;
  return (state) => registerAndMove(state, { ...list, ...requester(task, list.key) });
}

const parseReserve = basic((list, task) => (state) => {
  return reserve(state, { ...requester(task, list.key), type: wantedType(task) });
});

const parseRelease = basic((list, task) => (state) => {
  return release(state, { ...requester(task, list.key), type: wantedType(task) });
});

const parseClear = basic((list, task) => (state) => clear(state, requester(task, list.key)));

const plain = { namesReservation: false, affectsOthers: false };
const affecting = { namesReservation: false, affectsOthers: true };
const reserving = { namesReservation: true, affectsOthers: true };
const releasing = { namesReservation: true, affectsOthers: false };

// prettier-ignore
const serviceActions: readonly ServiceAction[] = [
  { code: 0x00, name: 'REGISTER', ...plain, parse: parseRegister(false) },
  { code: 0x01, name: 'RESERVE', ...reserving, parse: parseReserve },
  { code: 0x02, name: 'RELEASE', ...releasing, parse: parseRelease },
  { code: 0x03, name: 'CLEAR', ...affecting, parse: parseClear },
  { code: 0x04, name: 'PREEMPT', ...reserving, parse: parsePreempt },
  { code: 0x05, name: 'PREEMPT AND ABORT', ...reserving, endsTasks: true, parse: parsePreempt },
  { code: 0x06, name: 'REGISTER AND IGNORE EXISTING KEY', ...plain, parse: parseRegister(true) },
  { code: 0x07, name: 'REGISTER AND MOVE', ...affecting, parse: parseMove },
];

function prepareOut(task: ScsiTask, action: ServiceAction): SenseReason | undefined {
  if (action.namesReservation) {
    if (cdbFields.scope.read(task.cdb, 0) !== SCOPE_LOGICAL_UNIT)
      return invalidCdbField(task, 2, 7);
    if (reservationType(cdbFields.type.read(task.cdb, 0)) === undefined) {
      return invalidCdbField(task, 2, 3);
    }
  }
  const listBytes = cdbFields.parameterListLengthBytes.read(task.cdb, 0);
  if (listBytes < BASIC_LIST_BYTES || listBytes > PARAMETER_LIST_BYTES_MAX) {
    return 'parameterListLengthError';
  }
  // SPC-4 knows no rights of a nexus; a host that may only read must not be able to lock out the
  // owner
  if (action.affectsOthers && task.itl!.readOnly) return 'accessDenied';
  task.dataOutBytes = listBytes;
  task.bufferBytes = listBytes;
  return undefined;
}

function runOut(task: ScsiTask, unit: LogicalUnit, action: ServiceAction): void {
  if (unit.reservations.heldByReserve) {
    finishStatus(task, ScsiStatus.reservationConflict);
    return;
  }
  if (task.receivedOutBytes < task.dataOutBytes) {
    finishSense(task, 'parameterListLengthError');
    return;
  }
  const parsed = action.parse(task, unit);
  if (typeof parsed !== 'function') {
    finishSense(task, parsed.refusal);
    return;
  }
  // an aborted command that still waited for its turn must not change anything any more
  const decide: Decision = (state) => (task.stopping ? { kind: 'conflict' } : parsed(state));
  unit.reservations.change(decide, (outcome) => finishOut(task, unit, action, outcome));
}

function finishOut(
  task: ScsiTask,
  unit: LogicalUnit,
  action: ServiceAction,
  outcome: ChangeOutcome,
): void {
  if (outcome.kind === 'conflict') finishStatus(task, ScsiStatus.reservationConflict);
  else if (outcome.kind === 'unsaved') finishSense(task, 'internalTargetFailure');
  else if (outcome.kind === 'refused') finishRefused(task, outcome.reason);
  else if (action.endsTasks === true) endPreempted(task, unit, outcome);
  else finishGood(task);
}

function finishRefused(task: ScsiTask, reason: ReservationRefusal): void {
  const sense = refusalReasons[reason];
  finishSense(task, reason === 'invalidParameter' ? invalidParameterField(task, 8) : sense);
}

/**
 * Ends the commands of the preempted nexuses; GOOD says that none of them can touch the medium any
 * more.
 */
function endPreempted(task: ScsiTask, unit: LogicalUnit, { preempted }: Change): void {
  const gone = new Set(preempted);
  const affects = (other: ScsiTask): boolean =>
    other !== task && other.itl !== null && gone.has(registeredNexusId(other.itl));
  void unit.abortTasks(task.nexus, affects).then(() => finishGood(task));
}

export const persistentReserveOutCommands: readonly CommandRow[] = serviceActions.map((action) => ({
  opcode: OPCODE,
  serviceAction: action.code,
  name: `PERSISTENT RESERVE OUT, ${action.name}`,
  cdbBytes: 10,
  // SCOPE and TYPE are ignored, not reserved, where the service action doesn't use them
  usage: [OPCODE, 0x1f, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff, 0],
  reservation: 'own',
  prepare: (task) => prepareOut(task, action),
  run: (task, unit) => runOut(task, unit, action),
}));
