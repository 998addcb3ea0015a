/**
 * The body of a catalogue copy: JSON with fixed key order, so that equal catalogues are equal
 * bytes. A body that passed its checksum and still breaks a rule was written by something else; it
 * is refused with the place, never skipped.
 */
import { Failure } from '../base/index.ts';
import type { Assignment, Catalogue, Extent, MemberRecord, PartitionRecord } from './catalogue.ts';
import {
  CHUNK_BYTES_MAX,
  CHUNK_BYTES_MIN,
  EXTENT_UNIT_BYTES,
  EXTENTS_PER_PARTITION_MAX,
  HOSTS_PER_PARTITION_MAX,
  LUN_MAX,
  MEMBERS_MAX,
  PARTITIONS_MAX,
  RESERVATION_BYTES_MAX,
  SERVER_ID_CHARS_MAX,
} from './limits.ts';
import { isUuid } from './names.ts';

const BASE64_CHARS_MAX = Math.ceil(RESERVATION_BYTES_MAX / 3) * 4;
const PATH_CHARS_MAX = 4096;
const NAME_CHARS_MAX = 63;
/** 2^32 units are 4 PiB: sums stay safe integers. */
const UNITS_MAX = 2 ** 32;

export function encodeBody(catalogue: Catalogue): Buffer {
  return Buffer.from(
    JSON.stringify({
      arrayUuid: catalogue.arrayUuid,
      layout: catalogue.layout,
      chunkBytes: catalogue.chunkBytes,
      state: catalogue.state,
      owner: catalogue.owner,
      createdMs: catalogue.createdMs,
      members: catalogue.members.map(({ uuid, path, sizeBytes }) => ({ uuid, path, sizeBytes })),
      partitions: catalogue.partitions.map(partitionJson),
    }),
  );
}

function partitionJson(partition: PartitionRecord): object {
  return {
    uuid: partition.uuid,
    name: partition.name,
    sizeBytes: partition.sizeBytes,
    targetBytes: partition.targetBytes,
    blockSizeBytes: partition.blockSizeBytes,
    lun: partition.lun,
    sharing: partition.sharing,
    createdMs: partition.createdMs,
    extents: partition.extents.map(({ startUnit, unitCount, state }) => [
      startUnit,
      unitCount,
      state,
    ]),
    assignments: partition.assignments.map(({ host, rights, suspended }) => ({
      host,
      rights,
      suspended,
    })),
    reservations: partition.reservations,
  };
}

/** @throws Failure `unexpected` naming the place in the body that breaks a rule. */
export function decodeBody(body: Uint8Array): Catalogue {
  const root = new Place(parseJson(body), 'catalogue');
  const catalogue: Catalogue = {
    arrayUuid: root.at('arrayUuid').uuid(),
    layout: root.at('layout').oneOf(['linear', 'stripe', 'mirror']),
    chunkBytes: root.at('chunkBytes').integer(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX),
    state: root.at('state').oneOf(['forming', 'formed']),
    owner: root.at('owner').text(SERVER_ID_CHARS_MAX),
    createdMs: root.at('createdMs').integer(0, Number.MAX_SAFE_INTEGER),
    members: root.at('members').list(MEMBERS_MAX, member),
    partitions: root.at('partitions').list(PARTITIONS_MAX, partition),
  };
  refuseDuplicates(catalogue);
  return catalogue;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch (error) {
    throw new Failure('unexpected', 'catalogue: not JSON though its checksum holds', {
      cause: error,
    });
  }
}

const member = (place: Place): MemberRecord => ({
  uuid: place.at('uuid').uuid(),
  path: place.at('path').text(PATH_CHARS_MAX),
  sizeBytes: place.at('sizeBytes').integer(0, Number.MAX_SAFE_INTEGER),
});

function partition(place: Place): PartitionRecord {
  const blockSizeBytes = place.at('blockSizeBytes').integer(512, 4096);
  if (blockSizeBytes !== 512 && blockSizeBytes !== 4096) {
    place.at('blockSizeBytes').refuse('512 or 4096');
  }
  const record: PartitionRecord = {
    uuid: place.at('uuid').uuid(),
    name: place.at('name').text(NAME_CHARS_MAX),
    sizeBytes: place.at('sizeBytes').integer(0, Number.MAX_SAFE_INTEGER),
    targetBytes: place.at('targetBytes').integer(0, Number.MAX_SAFE_INTEGER),
    blockSizeBytes: blockSizeBytes as 512 | 4096,
    lun: place.at('lun').integer(0, LUN_MAX),
    sharing: place.at('sharing').oneOf(['none', 'cluster']),
    createdMs: place.at('createdMs').integer(0, Number.MAX_SAFE_INTEGER),
    extents: place.at('extents').list(EXTENTS_PER_PARTITION_MAX, extent),
    assignments: place.at('assignments').list(HOSTS_PER_PARTITION_MAX, assignment),
    reservations: place.at('reservations').textOrNull(BASE64_CHARS_MAX),
  };
  refuseUncovered(place, record);
  return record;
}

const extent = (place: Place): Extent => ({
  startUnit: place.at(0).integer(0, UNITS_MAX),
  unitCount: place.at(1).integer(1, UNITS_MAX),
  state: place.at(2).oneOf(['ready', 'zeroing']),
});

const assignment = (place: Place): Assignment => ({
  host: place.at('host').text(NAME_CHARS_MAX),
  rights: place.at('rights').oneOf(['rw', 'ro']),
  suspended: place.at('suspended').flag(),
});

function refuseUncovered(place: Place, record: PartitionRecord): void {
  let readyBytes = 0;
  let totalBytes = 0;
  for (const { unitCount, state } of record.extents) {
    totalBytes += unitCount * EXTENT_UNIT_BYTES;
    if (state === 'ready') readyBytes += unitCount * EXTENT_UNIT_BYTES;
  }
  if (record.sizeBytes > readyBytes) place.at('sizeBytes').refuse(`at most ${readyBytes}`);
  if (record.targetBytes > totalBytes) place.at('targetBytes').refuse(`at most ${totalBytes}`);
}

function refuseDuplicates({ members, partitions }: Catalogue): void {
  const unique = (what: string, values: readonly (string | number)[]): void => {
    const seen = new Set(values);
    if (seen.size !== values.length) {
      throw new Failure('unexpected', `catalogue: two ${what} are equal`);
    }
  };
  unique(
    'member UUIDs',
    members.map(({ uuid }) => uuid),
  );
  unique(
    'partition UUIDs',
    partitions.map(({ uuid }) => uuid),
  );
  unique(
    'partition names',
    partitions.map(({ name }) => name),
  );
  unique(
    'logical unit numbers',
    partitions.map(({ lun }) => lun),
  );
  const extents = partitions.flatMap((record) => record.extents);
  extents.sort((left, right) => left.startUnit - right.startUnit);
  extents.reduce((endUnit, next) => {
    if (next.startUnit >= endUnit) return next.startUnit + next.unitCount;
    throw new Failure('unexpected', `catalogue: unit ${next.startUnit} has two owners`);
  }, 0);
}

/** A value of the body with the way to it, so that a refusal names the place. */
class Place {
  readonly #value: unknown;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    this.#value = value;
    this.#path = path;
  }

  at(key: string | number): Place {
    const path = typeof key === 'number' ? `${this.#path}[${key}]` : `${this.#path}.${key}`;
    const value = this.#value;
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) {
      return new Place(undefined, path);
    }
    return new Place((value as Record<string | number, unknown>)[key], path);
  }

  integer(min: number, max: number): number {
    const value = this.#value;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) {
      return value;
    }
    return this.refuse(`a whole number from ${min} to ${max}`);
  }

  text(charsMax: number): string {
    const value = this.#value;
    if (typeof value === 'string' && value.length > 0 && value.length <= charsMax) return value;
    return this.refuse(`a text of 1 to ${charsMax} characters`);
  }

  textOrNull(charsMax: number): string | null {
    return this.#value === null ? null : this.text(charsMax);
  }

  uuid(): string {
    const value = this.#value;
    return typeof value === 'string' && isUuid(value) ? value : this.refuse('a UUID');
  }

  flag(): boolean {
    return typeof this.#value === 'boolean' ? this.#value : this.refuse('true or false');
  }

  oneOf<T extends string>(words: readonly T[]): T {
    return words.find((word) => word === this.#value) ?? this.refuse(words.join(' or '));
  }

  list<T>(lengthMax: number, read: (place: Place) => T): T[] {
    const value: unknown = this.#value;
    if (!Array.isArray(value) || value.length > lengthMax) {
      return this.refuse(`a list of at most ${lengthMax}`);
    }
    return value.map((_, index) => read(this.at(index)));
  }

  refuse(expected: string): never {
    const found = JSON.stringify(this.#value)?.slice(0, 80) ?? 'nothing';
    throw new Failure('unexpected', `${this.#path}: expected ${expected}, found ${found}`);
  }
}
