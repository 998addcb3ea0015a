import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CheckedLayer,
  CrashLayer,
  createEngine,
  DelayLayer,
  ErrorLayer,
  FileDevice,
  fromPromises,
  MemoryDevice,
  promiseFace,
  subDevice,
  TraceLayer,
} from '../../lib/block/index.ts';
import type { BlockDevice, Engine, EngineKind } from '../../lib/block/index.ts';
import { VirtualTimers } from '../fakes/virtual-timers.ts';
import { CONTRACT_CAPACITY_BYTES, describeBlockDevice } from './block-device.ts';
import type { ContractSubject } from './block-device.ts';

const capacityBytes = CONTRACT_CAPACITY_BYTES;
const memory = (): MemoryDevice => new MemoryDevice({ capacityBytes });
/** Every device is also held to the contract from the outside. */
const checked = (device: BlockDevice): ContractSubject => ({ device: new CheckedLayer(device) });

describeBlockDevice('memory', () => ({ device: memory() }));
describeBlockDevice('memory with blocks of 4096 bytes', () =>
  checked(new MemoryDevice({ capacityBytes, blockSizeBytes: 4096 })),
);
describeBlockDevice('checked layer', () => checked(memory()));
describeBlockDevice('trace layer', () => checked(new TraceLayer(memory(), new VirtualTimers(), 4)));
describeBlockDevice('error layer without rules', () => checked(new ErrorLayer(memory())));
describeBlockDevice('crash layer', () => checked(new CrashLayer(memory())));
describeBlockDevice('part of a device', () => {
  const whole = new MemoryDevice({ capacityBytes: 2 * capacityBytes });
  return checked(subDevice(whole, 4096, capacityBytes));
});
describeBlockDevice('device from promises', () => checked(simpleDevice()));
describeBlockDevice('delay layer', () => {
  const timers = new VirtualTimers();
  const device = new DelayLayer(memory(), timers, 5);
  const ticking = setInterval(() => timers.advance(5), 1);
  return { ...checked(device), dispose: () => clearInterval(ticking) };
});

/** What a user would write. */
function simpleDevice(): BlockDevice {
  const bytes = Buffer.alloc(capacityBytes);
  return fromPromises({
    capacityBytes,
    async read(offsetBytes, into) {
      bytes.copy(into, 0, offsetBytes);
    },
    async write(offsetBytes, from) {
      from.copy(bytes, offsetBytes);
    },
    async flush() {},
  });
}

describe('file devices', () => {
  let folder: string;
  const engines = new Map<EngineKind, Engine>();
  before(() => (folder = mkdtempSync(join(tmpdir(), 'hawser-contract-'))));
  after(() => {
    for (const engine of engines.values()) engine.close();
    rmSync(folder, { recursive: true });
  });

  const makeFile = async (
    kind: EngineKind,
    options: { direct?: boolean; sparse?: boolean },
  ): Promise<ContractSubject> => {
    let engine = engines.get(kind);
    if (engine === undefined) engines.set(kind, (engine = createEngine(kind)));
    const path = join(folder, `${kind}.img`);
    const device = await FileDevice.open({ path, sizeBytes: capacityBytes, engine, ...options });
    return { ...checked(device), dispose: () => rmSync(path) };
  };

  for (const kind of ['io_uring', 'threads', 'js'] as const) {
    describeBlockDevice(`file, ${kind}`, () => makeFile(kind, {}));
    describeBlockDevice(`sparse file through the page cache, ${kind}`, () =>
      makeFile(kind, { direct: false, sparse: true }),
    );
  }

  describeBlockDevice('file in a memory of limited batches', async () => {
    const engine = createEngine('io_uring', { depth: 3, batchEntries: 2 });
    const path = join(folder, 'narrow.img');
    const device = await FileDevice.open({ path, sizeBytes: capacityBytes, engine });
    await promiseFace(device).flush();
    return {
      ...checked(device),
      dispose: () => {
        engine.close();
        rmSync(path);
      },
    };
  });
});
