/**
 * Makes space read as zeros, durably, before it is served: whatever an earlier owner wrote must
 * never be seen.
 */
import { assert, Failure, MIB } from '../base/index.ts';
import { BlockError, BlockOutcome } from '../block/index.ts';
import { Run } from './array-space.ts';
import type { ArraySpace } from './array-space.ts';
import type { Extent } from './catalogue.ts';
import { EXTENT_UNIT_BYTES, ZEROING_STEP_BYTES } from './limits.ts';
import type { Member } from './member.ts';

export interface ZeroingProgress {
  doneBytes: number;
  readonly totalBytes: number;
}

interface MemberRange {
  readonly member: Member;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

export interface ZeroingJob {
  readonly members: readonly Member[];
  readonly space: ArraySpace;
  readonly extents: readonly Extent[];
  readonly progress: ZeroingProgress;
  /** Asked between steps; true ends the job with a Failure `inUse`. */
  readonly stopped: () => boolean;
}

export const progressOf = (extents: readonly Extent[]): ZeroingProgress => ({
  doneBytes: 0,
  totalBytes:
    unready(extents).reduce((sum, { unitCount }) => sum + unitCount, 0) * EXTENT_UNIT_BYTES,
});

const unready = (extents: readonly Extent[]): Extent[] =>
  extents.filter(({ state }) => state === 'zeroing');

/**
 * Resolves when every extent that is marked `zeroing` reads as zeros, power loss included. @throws
 * BlockError, Failure
 */
export async function zeroExtents(job: ZeroingJob): Promise<void> {
  const ranges = unready(job.extents).flatMap((extent) => memberRanges(job, extent));
  const byMember = new Map<Member, MemberRange[]>();
  for (const range of ranges)
    byMember.set(range.member, [...(byMember.get(range.member) ?? []), range]);
  const results = await Promise.allSettled(
    [...byMember].map(([member, own]) => zeroMember(job, member, own)),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  assert(job.progress.doneBytes === job.progress.totalBytes);
}

function memberRanges({ members, space }: ZeroingJob, extent: Extent): MemberRange[] {
  const start = extent.startUnit * EXTENT_UNIT_BYTES;
  const end = start + extent.unitCount * EXTENT_UNIT_BYTES;
  const run = new Run();
  return members.flatMap((member, index) => {
    space.share(index, start, end, run);
    const { offsetBytes, lengthBytes } = run;
    return lengthBytes > 0 ? [{ member, offsetBytes, lengthBytes }] : [];
  });
}

async function zeroMember(
  { progress, stopped }: ZeroingJob,
  member: Member,
  ranges: readonly MemberRange[],
): Promise<void> {
  for (const { offsetBytes, lengthBytes } of ranges) {
    for (let done = 0; done < lengthBytes;) {
      if (stopped()) throw new Failure('inUse', 'the array is being closed');
      const stepBytes = Math.min(ZEROING_STEP_BYTES, lengthBytes - done);
      await writeZeroes(member, offsetBytes + done, stepBytes);
      done += stepBytes;
      progress.doneBytes += stepBytes;
    }
  }
  await durable(member);
}

/** A thin disk stays thin; a preallocated one keeps its space. */
async function writeZeroes(
  member: Member,
  offsetBytes: number,
  lengthBytes: number,
): Promise<void> {
  const mayUnmap = member.device.features.thin;
  try {
    await member.io.writeZeroes(offsetBytes, lengthBytes, { mayUnmap });
  } catch (error) {
    if (!(error instanceof BlockError) || error.outcome !== BlockOutcome.unsupported) throw error;
    await writeZeroBuffers(member, offsetBytes, lengthBytes);
  }
}

const ZEROS = Buffer.alloc(1 * MIB);

/** For devices that have no such command. */
async function writeZeroBuffers(
  { io }: Member,
  offsetBytes: number,
  lengthBytes: number,
): Promise<void> {
  for (let done = 0; done < lengthBytes; done += ZEROS.length) {
    await io.write(
      offsetBytes + done,
      ZEROS.subarray(0, Math.min(ZEROS.length, lengthBytes - done)),
    );
  }
}

async function durable(member: Member): Promise<void> {
  try {
    await member.io.flush();
  } catch (error) {
    if (error instanceof BlockError) member.recordError(true, error.detail);
    throw error;
  }
}

/** The same for one range of a disk that joins an array. */
export const zeroRange = writeZeroes;
