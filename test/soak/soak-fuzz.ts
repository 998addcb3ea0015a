/**
 * Mutated PDUs without end: against a target in this process, then against a real server over
 * sockets, where also thousands of connections are opened that never log in.
 *
 *   scripts/soak-fuzz [--pdus 1000000] [--seconds N] [--seed N] [--half-open 5000]
 */
import { parseArgs } from 'node:util';
import { fuzz } from '../fuzz/fuzz-run.ts';
import { fuzzServer } from '../fuzz/fuzz-server.ts';

/** Of the PDUs this share goes over sockets, where each costs more. */
const SERVER_SHARE = 0.2;
const HEAP_GROWTH_BYTES_MAX = 64 * 1024 * 1024;

const { values } = parseArgs({
  options: {
    pdus: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '86400' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    'half-open': { type: 'string', default: '5000' },
  },
});
const pdus = Number(values.pdus);
const durationMs = 1_000 * Number(values.seconds);
const seed = Number(values.seed);
console.log(`seed ${seed}`);

const inProcess = await fuzz(seed, {
  pdus: pdus * (1 - SERVER_SHARE),
  durationMs: durationMs / 2,
});
const growth = inProcess.heapBytes - inProcess.heapBytesAtFirstWorld;
console.log(`in one process: ${JSON.stringify(inProcess)}`);
if (growth > HEAP_GROWTH_BYTES_MAX) throw new Error(`the heap grew by ${growth} bytes`);

const overSockets = await fuzzServer(seed, {
  pdus: pdus * SERVER_SHARE,
  durationMs: durationMs / 2,
  halfOpen: Number(values['half-open']),
});
console.log(`over sockets: ${JSON.stringify(overSockets)}`);
