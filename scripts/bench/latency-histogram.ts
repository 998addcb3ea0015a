/**
 * Latencies in buckets whose width grows with the value: three percent precise, nothing allocated
 * per entry.
 */
const SUB_BUCKET_BITS = 5;
const SUB_BUCKETS = 1 << SUB_BUCKET_BITS;
/** Values are counted in tenths of a microsecond. */
const UNITS_PER_MS = 10_000;
const UNITS_PER_US = 10;
/** Everything from about 107 s on lands in the last bucket. */
const UNITS_MAX = 2 ** 30 - 1;
const BUCKETS = (30 - SUB_BUCKET_BITS + 1) * SUB_BUCKETS;

export class LatencyHistogram {
  count = 0;
  maxUs = 0;
  #sumMs = 0;
  readonly #buckets = new Uint32Array(BUCKETS);

  add(latencyMs: number): void {
    const units = Math.min(Math.round(latencyMs * UNITS_PER_MS), UNITS_MAX);
    this.#buckets[bucketOf(units)]!++;
    this.#sumMs += latencyMs;
    this.count++;
    const us = latencyMs * 1000;
    if (us > this.maxUs) this.maxUs = us;
  }

  get meanUs(): number {
    return this.count === 0 ? 0 : (this.#sumMs / this.count) * 1000;
  }

  /**
   * @param fraction 0.5 for the median. @returns microseconds, the bucket's upper end, never above
   * the maximum.
   */
  percentileUs(fraction: number): number {
    if (this.count === 0) return 0;
    let left = Math.ceil(this.count * fraction);
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#buckets[bucket]!;
      if (left <= 0) return Math.min(upperEnd(bucket) / UNITS_PER_US, this.maxUs);
    }
    return this.maxUs;
  }
}

/** Below SUB_BUCKETS one bucket a unit; above it SUB_BUCKETS buckets for each power of two. */
function bucketOf(units: number): number {
  if (units < SUB_BUCKETS) return units;
  const shift = 31 - Math.clz32(units) - SUB_BUCKET_BITS;
  return (shift + 1) * SUB_BUCKETS + ((units >>> shift) - SUB_BUCKETS);
}

function upperEnd(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket + 1;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  return ((bucket % SUB_BUCKETS) + SUB_BUCKETS + 1) * 2 ** shift;
}
