/**
 * Run in a process of its own by lifetime.test.ts: goes to one stage of an engine's life and ends
 * there.
 */
import { Worker } from 'node:worker_threads';
import { createEngine, EngineOp, EngineTransfer, systemMemory } from '../../lib/block/index.ts';
import type { Engine, TransferMemory } from '../../lib/block/index.ts';

const PIECE_BYTES = 1024 * 1024;
const PIECES = 64;

const [stage = '', kind = '', path = ''] = process.argv.slice(2);

function open(engine: Engine): number {
  return engine.open(path, { readOnly: false, direct: true, create: true }).fd;
}

/** Reads and writes of a mebibyte, far more than one turn can finish. */
function startMany(engine: Engine, fd: number, onDone: () => void): TransferMemory {
  const memory = systemMemory(PIECE_BYTES);
  for (let index = 0; index < PIECES; index++) {
    const transfer = new EngineTransfer();
    transfer.op = index % 2 === 0 ? EngineOp.write : EngineOp.writeDurable;
    transfer.fd = fd;
    transfer.memory = memory;
    transfer.lengthBytes = PIECE_BYTES;
    transfer.offsetBytes = index * PIECE_BYTES;
    transfer.onDone = onDone;
    engine.queue(transfer);
  }
  return memory;
}

const make = (): Engine => createEngine(kind as 'io_uring' | 'threads');

/** Memory that nobody knows any more must stay while the kernel writes to it. */
async function collectInFlight(engine: Engine): Promise<void> {
  let left = PIECES;
  const fd = open(engine);
  await new Promise<void>((resolve) => {
    startMany(engine, fd, () => (--left === 0 ? resolve() : globalThis.gc!()));
    queueMicrotask(() => globalThis.gc!());
  });
  for (let round = 0; round < 20; round++) systemMemory(PIECE_BYTES);
  globalThis.gc!();
}

async function endWorker(inside: string): Promise<void> {
  const argv = [inside, kind, path];
  const worker = new Worker(new URL(import.meta.url), { argv });
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
}

const stages: Readonly<Record<string, () => unknown>> = {
  loaded: () => systemMemory(4096),
  idle: () => make(),
  opened: () => open(make()),
  pending: async () => {
    const engine = make();
    startMany(engine, open(engine), () => undefined);
    const { parentPort } = await import('node:worker_threads');
    if (parentPort === null) await new Promise((resolve) => setImmediate(resolve));
    else parentPort.postMessage('started');
    if (parentPort === null) process.exit(0);
  },
  queued: () => {
    const engine = make();
    startMany(engine, open(engine), () => undefined);
    process.exit(0);
  },
  inCallback: () => {
    const engine = make();
    startMany(engine, open(engine), () => process.exit(0));
  },
  closed: async () => {
    const engine = make();
    await engine.closeFile(open(engine));
    engine.close();
    engine.close();
  },
  thrown: () => {
    const engine = make();
    process.on('uncaughtException', () => process.exit(42));
    startMany(engine, open(engine), () => {
      throw new Error('from a completion');
    });
  },
  // the loop has nothing else to live for
  finishes: () => {
    const engine = make();
    let left = PIECES;
    startMany(engine, open(engine), () => {
      if (--left === 0) process.stdout.write('all ended');
    });
  },
  collected: () => collectInFlight(make()),
  asking: async () => {
    const engine = make();
    const fd = open(engine);
    const asked = Array.from({ length: PIECES }, () => engine.dataRanges(fd, 0, PIECE_BYTES, 9));
    const { parentPort } = await import('node:worker_threads');
    parentPort!.postMessage('started');
    await Promise.all(asked);
  },
  worker: () => endWorker('pending'),
  askingWorker: () => endWorker('asking'),
};

await stages[stage]!();
