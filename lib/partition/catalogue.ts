/**
 * What an array knows, as one immutable value: a change makes a new one, and only the one that
 * every member holds durably counts. Hosts' initiator names and secrets are not in here:
 * assignments refer to host names.
 */

export type Layout = 'linear' | 'stripe' | 'mirror';
export type Rights = 'rw' | 'ro';
/** `cluster`: the hosts coordinate among themselves, so several may write. */
export type Sharing = 'none' | 'cluster';

/** Units of EXTENT_UNIT_BYTES in the array's address space. */
export interface Extent {
  readonly startUnit: number;
  readonly unitCount: number;
  /** `zeroing`: may still show what lay there before; never served. */
  readonly state: 'ready' | 'zeroing';
}

export interface Assignment {
  /** Host name, or "*" for any. */
  readonly host: string;
  readonly rights: Rights;
  /** Came with an imported array and waits for the operator's word; gives no access. */
  readonly suspended: boolean;
}

export interface PartitionRecord {
  /** Identity: NAA and serial number derive from it. Kept on rename, new on re-creation. */
  readonly uuid: string;
  readonly name: string;
  /** What is served: covered by `ready` extents. 0 until the first zeroing is over. */
  readonly sizeBytes: number;
  /** The size once all extents are ready; equals `sizeBytes` when nothing is under way. */
  readonly targetBytes: number;
  readonly blockSizeBytes: 512 | 4096;
  readonly lun: number;
  readonly sharing: Sharing;
  /** Milliseconds since 1970. */
  readonly createdMs: number;
  readonly extents: readonly Extent[];
  readonly assignments: readonly Assignment[];
  /** Persistent reservations with APTPL, kept unread; base64, null when there are none. */
  readonly reservations: string | null;
}

export interface MemberRecord {
  readonly uuid: string;
  /** Where the disk was last seen, to name it when it is missing. */
  readonly path: string;
  /** Bytes of the disk that belong to the array, metadata included. */
  readonly sizeBytes: number;
}

export interface Catalogue {
  readonly arrayUuid: string;
  readonly layout: Layout;
  readonly chunkBytes: number;
  /** `forming`: not every disk has its label yet, nothing was ever served. */
  readonly state: 'forming' | 'formed';
  /** The storage server that may serve this array. */
  readonly owner: string;
  readonly createdMs: number;
  /** In the order of the array's address space. */
  readonly members: readonly MemberRecord[];
  readonly partitions: readonly PartitionRecord[];
}
