/** What a file or block device can do, from what the system says of it. */
import { readFileSync } from 'node:fs';
import { MIB } from '../../base/index.ts';
import type { BlockFeatures } from '../block-device.ts';
import type { FileFacts } from '../native-binding.ts';
import { EngineOp } from './engine.ts';

const MAX_TRANSFER_BYTES = 32 * MIB;

export interface FileAbilities {
  readonly features: BlockFeatures;
  /**
   * Engine operations that unmap, the best first; the next is tried where the file system lacks
   * one.
   */
  readonly unmapOps: readonly EngineOp[];
  /** Engine operations that zero and keep the storage. */
  readonly zeroOps: readonly EngineOp[];
}

/**
 * A number from the block layer's queue of the device that the file lies on; 0 where there is none.
 */
function queueAttribute(facts: FileFacts, name: string): number {
  const device = `/sys/dev/block/${facts.deviceMajor}:${facts.deviceMinor}`;
  // a partition has its disk's queue
  for (const queue of [`${device}/queue`, `${device}/../queue`]) {
    try {
      return Number(readFileSync(`${queue}/${name}`, 'latin1')) || 0;
    } catch {
      continue;
    }
  }
  return 0;
}

function unmapOps(facts: FileFacts, thin: boolean): readonly EngineOp[] {
  if (!facts.blockDevice) {
    if (!facts.punchesHoles) return [];
    // a preallocated file keeps its storage: the space was promised
    return thin ? [EngineOp.punchHole] : [EngineOp.zeroRange, EngineOp.punchHole];
  }
  if (queueAttribute(facts, 'discard_max_bytes') === 0) return [];
  const zeroes = queueAttribute(facts, 'write_zeroes_max_bytes') > 0;
  return [zeroes ? EngineOp.punchHole : EngineOp.discard];
}

export interface FileUse {
  readonly readOnly: boolean;
  readonly sparse: boolean;
  /** Whether the engine can tell holes from data. */
  readonly findsHoles: boolean;
}

export function fileAbilities(facts: FileFacts, use: FileUse): FileAbilities {
  const { readOnly, sparse, findsHoles } = use;
  const holes = facts.allocatedBytes + facts.physicalBlockBytes <= facts.bytes;
  const thin = findsHoles && !facts.blockDevice && (sparse || holes);
  const ops = readOnly ? [] : unmapOps(facts, thin);
  const granularity = queueAttribute(facts, 'discard_granularity');
  const features: BlockFeatures = {
    readOnly,
    volatileWriteCache: true,
    volatile: false,
    unmap: ops.length > 0,
    unmapReadsZeroes: ops.length > 0 && ops[0] !== EngineOp.discard,
    thin,
    unmapGranularityBytes: Math.max(
      facts.logicalBlockBytes,
      facts.blockDevice ? granularity : facts.physicalBlockBytes,
    ),
    optimalTransferBytes: 0,
    maxTransferBytes: MAX_TRANSFER_BYTES,
    rotational: queueAttribute(facts, 'rotational') === 1,
  };
  return { features, unmapOps: ops, zeroOps: [EngineOp.zeroRange] };
}
