/**
 * Every text key of RFC 7143 clause 13 (and iSCSIProtocolLevel, RFC 7144) as a row: who may send it
 * and when, how two offers become one value. Negotiation reads nothing but this table.
 */

/**
 * When a key may be used. `anyLogin`: in both login stages; `login`: only in the operational stage.
 */
export type KeyUse = 'security' | 'anyLogin' | 'login' | 'loginAndFullFeature' | 'fullFeature';

interface CommonKey {
  readonly use: KeyUse;
  /**
   * Connection-wide keys are settled on every connection, session-wide ones on the leading
   * connection only.
   */
  readonly scope: 'session' | 'connection';
  readonly sender: 'initiator' | 'target' | 'both';
  /** Means nothing in a discovery session. */
  readonly normalOnly: boolean;
  readonly source: string;
}

/** Both sides name a number; the result is the smaller or the greater. */
export interface NumberKey extends CommonKey {
  readonly kind: 'number';
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly resolve: 'minimum' | 'maximum';
}
/** Both sides say Yes or No. */
export interface BooleanKey extends CommonKey {
  readonly kind: 'boolean';
  readonly default: boolean;
  readonly resolve: 'and' | 'or';
}
/** The proposer lists values in its order; the first that the other side knows is taken. */
export interface ListKey extends CommonKey {
  readonly kind: 'list';
  readonly default: string;
  readonly values: readonly string[];
}
/** Stated, not negotiated; each side's number binds the other. */
export interface DeclaredNumberKey extends CommonKey {
  readonly kind: 'declaredNumber';
  readonly default: number;
  readonly min: number;
  readonly max: number;
}
/** Stated, not negotiated. */
export interface DeclaredKey extends CommonKey {
  readonly kind: 'declared';
}
/** No longer negotiated; always answered in the same way. */
export interface ObsoleteKey extends CommonKey {
  readonly kind: 'obsolete';
  readonly answer: string;
}
export type KeyRow =
  NumberKey | BooleanKey | ListKey | DeclaredNumberKey | DeclaredKey | ObsoleteKey;

export const SEGMENT_LENGTH_BYTES_MAX = 2 ** 24 - 1;

const session = { scope: 'session', use: 'login', sender: 'both', normalOnly: true } as const;
const sessionAny = { ...session, normalOnly: false } as const;
const connection = { ...sessionAny, scope: 'connection' } as const;
const declared = { kind: 'declared', scope: 'session', normalOnly: false } as const;
const fromInitiator = { ...declared, use: 'anyLogin', sender: 'initiator' } as const;
const fromTarget = { ...declared, use: 'anyLogin', sender: 'target' } as const;
const obsolete = { ...connection, kind: 'obsolete', source: 'RFC 7143 §13.25' } as const;
const burst = { min: 512, max: SEGMENT_LENGTH_BYTES_MAX } as const;

// prettier-ignore
export const operationalKeys = {
  HeaderDigest: { ...connection, kind: 'list', default: 'None', values: ['CRC32C', 'None'], source: 'RFC 7143 §13.1' },
  DataDigest: { ...connection, kind: 'list', default: 'None', values: ['CRC32C', 'None'], source: 'RFC 7143 §13.1' },
  MaxConnections: { ...session, kind: 'number', default: 1, min: 1, max: 65_535, resolve: 'minimum',
    source: 'RFC 7143 §13.2' },
  InitialR2T: { ...session, kind: 'boolean', default: true, resolve: 'or', source: 'RFC 7143 §13.10' },
  ImmediateData: { ...session, kind: 'boolean', default: true, resolve: 'and', source: 'RFC 7143 §13.11' },
  MaxRecvDataSegmentLength: { ...connection, kind: 'declaredNumber', use: 'loginAndFullFeature', default: 8192, ...burst,
    source: 'RFC 7143 §13.12' },
  MaxBurstLength: { ...session, kind: 'number', default: 262_144, ...burst, resolve: 'minimum',
    source: 'RFC 7143 §13.13' },
  FirstBurstLength: { ...session, kind: 'number', default: 65_536, ...burst, resolve: 'minimum',
    source: 'RFC 7143 §13.14' },
  DefaultTime2Wait: { ...sessionAny, kind: 'number', default: 2, min: 0, max: 3600, resolve: 'maximum',
    source: 'RFC 7143 §13.15' },
  DefaultTime2Retain: { ...sessionAny, kind: 'number', default: 20, min: 0, max: 3600, resolve: 'minimum',
    source: 'RFC 7143 §13.16' },
  MaxOutstandingR2T: { ...session, kind: 'number', default: 1, min: 1, max: 65_535, resolve: 'minimum',
    source: 'RFC 7143 §13.17' },
  DataPDUInOrder: { ...session, kind: 'boolean', default: true, resolve: 'or', source: 'RFC 7143 §13.18' },
  DataSequenceInOrder: { ...session, kind: 'boolean', default: true, resolve: 'or', source: 'RFC 7143 §13.19' },
  ErrorRecoveryLevel: { ...sessionAny, kind: 'number', default: 0, min: 0, max: 2, resolve: 'minimum',
    source: 'RFC 7143 §13.20' },
  TaskReporting: { ...session, kind: 'list', default: 'RFC3720', values: ['RFC3720', 'ResponseFence', 'FastAbort'],
    source: 'RFC 7143 §13.23' },
  iSCSIProtocolLevel: { ...session, kind: 'number', default: 1, min: 0, max: 31, resolve: 'minimum',
    source: 'RFC 7143 §13.24' },

  SendTargets: { ...declared, use: 'fullFeature', sender: 'initiator', source: 'RFC 7143 §13.3' },
  TargetName: { ...fromInitiator, source: 'RFC 7143 §13.4' },
  InitiatorName: { ...fromInitiator, source: 'RFC 7143 §13.5' },
  InitiatorAlias: { ...fromInitiator, source: 'RFC 7143 §13.7' },
  SessionType: { ...fromInitiator, source: 'RFC 7143 §13.21' },
  TargetAlias: { ...fromTarget, source: 'RFC 7143 §13.6' },
  TargetAddress: { ...fromTarget, source: 'RFC 7143 §13.8' },
  TargetPortalGroupTag: { ...fromTarget, source: 'RFC 7143 §13.9' },

  // A boolean "No" is the answer that peers of RFC 3720 understand too; the lengths can only be
  // rejected.
  IFMarker: { ...obsolete, answer: 'No' },
  OFMarker: { ...obsolete, answer: 'No' },
  IFMarkInt: { ...obsolete, answer: 'Reject' },
  OFMarkInt: { ...obsolete, answer: 'Reject' },
} as const satisfies Record<string, KeyRow>;

export type KeyName = keyof typeof operationalKeys;

const rows = new Map<string, KeyRow>(Object.entries(operationalKeys));

/** @returns undefined for keys that the table doesn't name, security keys among them. */
export const keyRow = (key: string): KeyRow | undefined => rows.get(key);

/** Keys of the security stage, which lib/auth exchanges. @source RFC 7143 §12 */
export const isSecurityKey = (key: string): boolean =>
  key === 'AuthMethod' || /^(CHAP|KRB|SRP|SPKM)_/.test(key);
