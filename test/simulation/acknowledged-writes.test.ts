/**
 * The whole storage server in one process, from iSCSI to the platter, with power cuts: what was
 * answered and flushed is there, whatever the disks' caches lose, tear or reorder.
 */
import { expect } from 'chai';
import { MIB, SeededRandom } from '../../lib/base/index.ts';
import {
  BlockOp,
  CrashLayer,
  MemoryDevice,
  TransferBuffers,
  wrapMemory,
} from '../../lib/block/index.ts';
import type { BlockDevice, BlockRequest } from '../../lib/block/index.ts';
import { openArray } from '../../lib/partition/index.ts';
import type { DiskArray } from '../../lib/partition/index.ts';
import { LogicalUnit, ScsiTarget } from '../../lib/scsi/index.ts';
import { TargetNode } from '../../lib/target/index.ts';
import { crc32c } from '../../lib/wire/index.ts';
import { FuzzPeer } from '../fuzz/fuzz-world.ts';
import { VirtualTimers } from '../fakes/virtual-timers.ts';
import { CrashLoad } from '../soak/crash-load.ts';
import { SimClient } from './sim-client.ts';

const ROUNDS = Number(process.env['CRASH_ROUNDS'] ?? 100);
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const TARGET = 'iqn.2026-11.io.hawser:simulated';
const HOST = 'iqn.2026-11.test:host';
const DISK_BYTES = 8 * MIB;
const UNITS = 48;
const COMMANDS_MAX = 150;

class Machine {
  readonly #layers: CrashLayer[];
  readonly client: SimClient;

  private constructor(layers: CrashLayer[], array: DiskArray) {
    this.#layers = layers;
    const buffers = new TransferBuffers((bytes) => wrapMemory(Buffer.alloc(bytes)), 16 * MIB);
    const shared = { buffers, timers: new VirtualTimers() };
    const { uuid, name } = array.partition('data');
    const unit = new LogicalUnit({ ...shared, device: array.device(name), uuid, name });
    const assignment = { lun: 0, unit, readOnly: false, partition: name };
    const view = { host: 'host', chap: null, mutual: null, luns: new Map([[0, assignment]]) };
    const node = new TargetNode({
      ...shared,
      name: TARGET,
      directory: { find: () => view },
      scsi: new ScsiTarget(shared),
      random: new SeededRandom(1),
      crc32c,
      incarnation: 1,
    });
    this.client = new SimClient(new FuzzPeer((port) => node.accept(port)));
  }

  static async boot(media: readonly BlockDevice[], seed: number): Promise<Machine> {
    const layers = media.map((medium) => new CrashLayer(medium, { atomicBytes: 512 }));
    const array = await openArray({
      disks: layers.map((device, index) => ({ device, path: `disk${index}` })),
      layout: 'stripe',
      chunkBytes: 4096,
      serverId: TARGET,
      random: new SeededRandom(seed),
      clock: new VirtualTimers(),
    });
    if (array.find('data') === undefined) await array.create({ name: 'data', sizeBytes: MIB });
    const machine = new Machine(layers, array);
    await machine.client.login(HOST, TARGET);
    return machine;
  }

  /** Runs the load until `commands` have ended, then cuts the power in the middle of it. */
  async runAndCrash(load: CrashLoad, commands: number, random: SeededRandom): Promise<void> {
    const { client } = this;
    const reached = new Promise<void>((resolve) => {
      client.onEnded = (count) => {
        if (count >= commands) resolve();
      };
    });
    const running = load.run(client);
    await Promise.race([reached, running]);
    client.peer.hangUp();
    await Promise.all(this.#layers.map((layer) => layer.crash(random)));
    await running;
  }
}

interface Outcome {
  readonly wrong: string[];
  readonly writes: number;
  readonly flushes: number;
}

async function simulate(seed: number, rounds: number): Promise<Outcome> {
  const random = new SeededRandom(seed);
  const media = [0, 1].map(
    (index) => new MemoryDevice({ capacityBytes: DISK_BYTES, name: `disk${index}` }),
  );
  const load = new CrashLoad({ lun: 0, first: 0, units: UNITS, random });
  const wrong: string[] = [];
  for (let round = 0; round < rounds && wrong.length === 0; round++) {
    const machine = await Machine.boot(media, seed + round).catch((error: Error) => error);
    if (machine instanceof Error) {
      wrong.push(`round ${round}: ${machine.message}`);
      break;
    }
    const found = await load.verify(machine.client);
    wrong.push(...found.map((line) => `round ${round}: ${line}`));
    await machine.runAndCrash(load, 1 + random.below(COMMANDS_MAX), random);
  }
  return { wrong, writes: load.writes, flushes: load.flushes };
}

describe(`power cuts under a storage server (SEED=${FIRST_SEED})`, function () {
  this.timeout(60_000 + 100 * ROUNDS);

  it(`in ${ROUNDS} rounds lose no write that was answered and flushed`, async () => {
    const { wrong, writes, flushes } = await simulate(FIRST_SEED, ROUNDS);
    expect(wrong).to.deep.equal([]);
    expect(writes).to.be.greaterThan(ROUNDS);
    expect(flushes).to.be.greaterThan(ROUNDS / 4);
  });
});

/** A layer that answers flushes and durable writes without doing them. */
function deaf(op: BlockOp): () => void {
  const submit = CrashLayer.prototype.submit;
  CrashLayer.prototype.submit = function (request: BlockRequest): void {
    if (request.op !== op) return submit.call(this, request);
    if (op === BlockOp.flush) return void queueMicrotask(() => request.onDone(request));
    const { fua } = request;
    request.fua = false;
    submit.call(this, request);
    request.fua = fua;
  };
  return () => (CrashLayer.prototype.submit = submit);
}

describe('the simulation of power cuts itself', () => {
  for (const [what, op] of [
    ['flushes that do nothing', BlockOp.flush],
    ['durable writes that are not', BlockOp.write],
  ] as const)
    it(`notices ${what}`, async () => {
      const heal = deaf(op);
      try {
        const { wrong } = await simulate(2, 20);
        expect(wrong).to.not.deep.equal([]);
      } finally {
        heal();
      }
    });
});
