/**
 * The three requests of a storage server to its iSNS server, and the statuses that come back. RFC
 * 4171 §5.6, §5.4.
 */
import { attributeValue, decodeAttributes, delimiter, encodeAttributes } from './attributes.ts';
import type { IsnsAttribute } from './attributes.ts';
import type { IsnsEntity, IsnsPortal } from './entity.ts';

const PROTOCOL_ISCSI = 2;
const NODE_TYPE_TARGET = 1;
const STATUS_BYTES = 4;

const source = ({ targetName }: IsnsEntity): IsnsAttribute => ({
  name: 'iscsiName',
  value: targetName,
});
const key = ({ entityId }: IsnsEntity): IsnsAttribute => ({ name: 'entityId', value: entityId });

/**
 * DevAttrReg, sent with the replace flag: what an earlier life registered under this entity goes.
 */
export function registration(entity: IsnsEntity): Buffer {
  return encodeAttributes([
    source(entity),
    key(entity),
    delimiter,
    key(entity),
    { name: 'entityProtocol', value: PROTOCOL_ISCSI },
    { name: 'registrationPeriod', value: entity.registrationPeriodSeconds },
    ...entity.portals.flatMap(portalAttributes),
    { name: 'iscsiName', value: entity.targetName },
    { name: 'iscsiNodeType', value: NODE_TYPE_TARGET },
    { name: 'iscsiAlias', value: entity.targetAlias },
    ...entity.portals.flatMap(groupAttributes),
  ]);
}

const portalAttributes = ({ address, port }: IsnsPortal): IsnsAttribute[] => [
  { name: 'portalAddress', value: address },
  { name: 'portalPort', value: port },
];

const groupAttributes = ({ address, port, portalGroupTag }: IsnsPortal): IsnsAttribute[] => [
  { name: 'groupTag', value: portalGroupTag },
  { name: 'groupAddress', value: address },
  { name: 'groupPort', value: port },
];

/** DevAttrQry for our own node: does the registration stand? It counts as a sign of life. */
export const inquiry = {
  build: (entity: IsnsEntity): Buffer =>
    encodeAttributes([source(entity), source(entity), delimiter, { name: 'entityId', value: '' }]),

  /**
   * @param payload of the answer; a node that isn't there leaves the part behind the delimiter
   * empty.
   */
  found(payload: Buffer): boolean {
    const attributes = decodeAttributes(payload.subarray(STATUS_BYTES)) ?? [];
    const behind = attributes.findIndex(({ name }) => name === 'delimiter') + 1;
    return behind > 0 && attributeValue(attributes.slice(behind), 'entityId') !== undefined;
  },
};

/**
 * @returns the registration period, in seconds, that the answer to a registration tells, if it
 * does.
 */
export function grantedPeriod(payload: Buffer): number | undefined {
  const attributes = decodeAttributes(payload.subarray(STATUS_BYTES)) ?? [];
  const period = attributeValue(attributes, 'registrationPeriod');
  return typeof period === 'number' && period > 0 ? period : undefined;
}

/** DevDereg of the whole entity. */
export const deregistration = (entity: IsnsEntity): Buffer =>
  encodeAttributes([source(entity), delimiter, key(entity)]);

const statuses = {
  success: 0,
  unknownError: 1,
  messageFormatError: 2,
  invalidRegistration: 3,
  invalidQuery: 5,
  sourceUnknown: 6,
  sourceAbsent: 7,
  sourceUnauthorized: 8,
  noSuchEntry: 9,
  versionNotSupported: 10,
  internalError: 11,
  busy: 12,
  optionNotUnderstood: 13,
  invalidUpdate: 14,
  messageNotSupported: 15,
  scnEventRejected: 16,
  scnRegistrationRejected: 17,
  attributeNotImplemented: 18,
  esiNotAvailable: 21,
  invalidDeregistration: 22,
  registrationFeatureNotSupported: 23,
} as const;

export const statusOf = (name: keyof typeof statuses): number => statuses[name];

/** @returns the status in words with its number: `source unauthorized (8)`. */
export function describeStatus(status: number): string {
  const name = Object.entries(statuses).find(([, value]) => value === status)?.[0] ?? 'status';
  return `${name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)} (${status})`;
}
