/**
 * What a side is ready for, what two sides agreed on, and the way between them and the text keys.
 */
import { assert, KIB } from '../base/index.ts';
import { operationalKeys, SEGMENT_LENGTH_BYTES_MAX } from './operational-keys.ts';
import type { KeyName } from './operational-keys.ts';

export type SessionType = 'normal' | 'discovery';
export type Digest = 'CRC32C' | 'None';
export type TaskReporting = 'RFC3720' | 'ResponseFence' | 'FastAbort';

/** Our side of a negotiation: values we offer, and the most we answer. */
export interface LocalParameters {
  /** In the order of preference; without 'None' the digest is insisted on. */
  readonly headerDigest: readonly Digest[];
  readonly dataDigest: readonly Digest[];
  readonly maxConnections: number;
  /** True: no unsolicited Data-Out. */
  readonly initialR2t: boolean;
  readonly immediateData: boolean;
  /** Longest data segment that we take. */
  readonly maxRecvDataSegmentLengthBytes: number;
  readonly maxBurstLengthBytes: number;
  readonly firstBurstLengthBytes: number;
  readonly defaultTime2WaitSeconds: number;
  readonly defaultTime2RetainSeconds: number;
  readonly maxOutstandingR2t: number;
  readonly dataPduInOrder: boolean;
  readonly dataSequenceInOrder: boolean;
  readonly errorRecoveryLevel: number;
  readonly taskReporting: readonly TaskReporting[];
  readonly protocolLevel: number;
}

/**
 * What holds for a connection once its login has ended. Session-wide values are those of the
 * leading connection.
 */
export interface OperationalParameters {
  /** CRC32C digests are in use. */
  readonly headerDigest: boolean;
  readonly dataDigest: boolean;
  readonly maxConnections: number;
  readonly initialR2t: boolean;
  readonly immediateData: boolean;
  /** Longest data segment that we may send: the peer's MaxRecvDataSegmentLength. */
  readonly maxSendDataSegmentLengthBytes: number;
  /** Longest data segment that the peer may send: ours, where it was declared. */
  readonly maxRecvDataSegmentLengthBytes: number;
  readonly maxBurstLengthBytes: number;
  /** Never above maxBurstLengthBytes. */
  readonly firstBurstLengthBytes: number;
  readonly defaultTime2WaitSeconds: number;
  readonly defaultTime2RetainSeconds: number;
  readonly maxOutstandingR2t: number;
  readonly dataPduInOrder: boolean;
  readonly dataSequenceInOrder: boolean;
  readonly errorRecoveryLevel: number;
  readonly taskReporting: TaskReporting;
  readonly protocolLevel: number;
}

export const defaultLocalParameters: LocalParameters = {
  headerDigest: ['None', 'CRC32C'],
  dataDigest: ['None', 'CRC32C'],
  maxConnections: 1,
  initialR2t: false,
  immediateData: true,
  maxRecvDataSegmentLengthBytes: 256 * KIB,
  maxBurstLengthBytes: 1024 * KIB,
  firstBurstLengthBytes: 256 * KIB,
  defaultTime2WaitSeconds: 2,
  defaultTime2RetainSeconds: 0,
  maxOutstandingR2t: 8,
  dataPduInOrder: true,
  dataSequenceInOrder: true,
  errorRecoveryLevel: 0,
  taskReporting: ['RFC3720'],
  protocolLevel: 1,
};

/** @returns the defaults with `overrides` put in; a value outside its key's range is our bug. */
export function localParameters(overrides: Partial<LocalParameters> = {}): LocalParameters {
  const local = { ...defaultLocalParameters, ...overrides };
  assert(
    local.firstBurstLengthBytes <= local.maxBurstLengthBytes,
    'FirstBurstLength is above MaxBurstLength',
  );
  assert(local.maxRecvDataSegmentLengthBytes <= SEGMENT_LENGTH_BYTES_MAX, 'segment too long');
  for (const key of negotiatedKeys) {
    const row = operationalKeys[key];
    const value = localValue(local, key);
    if (row.kind !== 'number' && row.kind !== 'declaredNumber') continue;
    assert(typeof value === 'number', `${key} is a number`);
    assert(value >= row.min && value <= row.max, `${key} is outside its range`);
  }
  return local;
}

/**
 * The keys that two sides negotiate or declare as numbers: all that end up in
 * OperationalParameters.
 */
export type NegotiatedKey = {
  [K in KeyName]: (typeof operationalKeys)[K]['kind'] extends 'declared' | 'obsolete' ? never : K;
}[KeyName];
export type NegotiatedValue = number | boolean | string;

// prettier-ignore
const localProperties: Readonly<Record<NegotiatedKey, keyof LocalParameters>> = {
  HeaderDigest: 'headerDigest',
  DataDigest: 'dataDigest',
  MaxConnections: 'maxConnections',
  InitialR2T: 'initialR2t',
  ImmediateData: 'immediateData',
  MaxRecvDataSegmentLength: 'maxRecvDataSegmentLengthBytes',
  MaxBurstLength: 'maxBurstLengthBytes',
  FirstBurstLength: 'firstBurstLengthBytes',
  DefaultTime2Wait: 'defaultTime2WaitSeconds',
  DefaultTime2Retain: 'defaultTime2RetainSeconds',
  MaxOutstandingR2T: 'maxOutstandingR2t',
  DataPDUInOrder: 'dataPduInOrder',
  DataSequenceInOrder: 'dataSequenceInOrder',
  ErrorRecoveryLevel: 'errorRecoveryLevel',
  TaskReporting: 'taskReporting',
  iSCSIProtocolLevel: 'protocolLevel',
};

/** In the order in which an initiator offers them. */
export const negotiatedKeys = Object.keys(localProperties) as readonly NegotiatedKey[];

export const isNegotiatedKey = (key: string): key is NegotiatedKey =>
  Object.hasOwn(localProperties, key);

/** Our value for a key; for a list key the values that we know. */
export const localValue = (
  local: LocalParameters,
  key: NegotiatedKey,
): number | boolean | readonly string[] => local[localProperties[key]];

/** What both sides settled so far; a key that is absent has its default. */
export type Settled = ReadonlyMap<NegotiatedKey, NegotiatedValue>;

/** Who declared what, which is not part of the agreement. */
export interface DeclaredSegments {
  readonly maxSendDataSegmentLengthBytes: number;
  readonly maxRecvDataSegmentLengthBytes: number;
}

/**
 * FirstBurstLength is bounded by MaxBurstLength even where only one of them was negotiated. @source
 * RFC 7143 §13.14
 */
export function operationalParameters(
  settled: Settled,
  segments: DeclaredSegments,
): OperationalParameters {
  const get = <T extends NegotiatedValue>(key: NegotiatedKey): T =>
    (settled.get(key) ?? operationalKeys[key].default) as T;
  const maxBurstLengthBytes = get<number>('MaxBurstLength');
  return {
    headerDigest: get('HeaderDigest') === 'CRC32C',
    dataDigest: get('DataDigest') === 'CRC32C',
    maxConnections: get('MaxConnections'),
    initialR2t: get('InitialR2T'),
    immediateData: get('ImmediateData'),
    maxSendDataSegmentLengthBytes: segments.maxSendDataSegmentLengthBytes,
    maxRecvDataSegmentLengthBytes: segments.maxRecvDataSegmentLengthBytes,
    maxBurstLengthBytes,
    firstBurstLengthBytes: Math.min(get('FirstBurstLength'), maxBurstLengthBytes),
    defaultTime2WaitSeconds: get('DefaultTime2Wait'),
    defaultTime2RetainSeconds: get('DefaultTime2Retain'),
    maxOutstandingR2t: get('MaxOutstandingR2T'),
    dataPduInOrder: get('DataPDUInOrder'),
    dataSequenceInOrder: get('DataSequenceInOrder'),
    errorRecoveryLevel: get('ErrorRecoveryLevel'),
    taskReporting: get('TaskReporting'),
    protocolLevel: get('iSCSIProtocolLevel'),
  };
}
