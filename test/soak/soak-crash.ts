/**
 * Kills a real storage server, again and again, while hosts write and flush: what was flushed has
 * to be there, with labels, partitions and persistent reservations.
 *
 *   scripts/soak-crash [--rounds 100] [--seed N]
 */
import { parseArgs } from 'node:util';
import { SeededRandom } from '../../lib/base/index.ts';
import { RawClient } from '../interop/raw-client.ts';
import * as cdb from '../interop/support/cdb.ts';
import { TargetService, UNIT_IQN } from '../interop/support/service.ts';
import { CrashLoad } from './crash-load.ts';

const HOSTS = ['a', 'b'];
const LUN = 0;
const UNITS_PER_HOST = 256;
const LOAD_MS_MIN = 100;
const LOAD_MS_SPAN = 700;
const GOOD = 0;
const REGISTER_AND_IGNORE = 6;
const RESERVE = 1;
const WRITE_EXCLUSIVE_ALL_REGISTRANTS = 7;
const APTPL = 1;

const iqnOf = (host: string): string => `iqn.1993-08.org.debian:01:${host}`;
const keyOf = (index: number): bigint => BigInt(0xc0de + index);

const config = {
  array: {
    layout: 'stripe',
    disks: [0, 1].map((index) => ({ path: `./disk${index}.img`, size: '128MiB' })),
  },
  hosts: Object.fromEntries(HOSTS.map((host) => [host, { iqn: iqnOf(host) }])),
  partitions: {
    data: {
      size: '64MiB',
      lun: LUN,
      shared: 'cluster',
      hosts: Object.fromEntries(HOSTS.map((host) => [host, 'rw'])),
    },
  },
};

interface Totals {
  writes: number;
  flushes: number;
}

export async function soakCrash(rounds: number, seed: number): Promise<Totals> {
  const random = new SeededRandom(seed);
  const service = await TargetService.start(config);
  const loads = HOSTS.map(
    (_, index) =>
      new CrashLoad({ lun: LUN, first: index * UNITS_PER_HOST, units: UNITS_PER_HOST, random }),
  );
  try {
    await register(await login(service));
    for (let round = 1; round <= rounds; round++) {
      await oneRound(service, loads, random);
      process.stderr.write(`\rround ${round} of ${rounds}`);
    }
    process.stderr.write('\n');
  } catch (error) {
    process.stderr.write(
      `\nSEED=${seed}, folder ${service.folder}\n${service.log().slice(-4_000)}\n`,
    );
    await service.kill();
    throw error;
  }
  await service.dispose();
  return {
    writes: loads.reduce((sum, { writes }) => sum + writes, 0),
    flushes: loads.reduce((sum, { flushes }) => sum + flushes, 0),
  };
}

async function oneRound(
  service: TargetService,
  loads: readonly CrashLoad[],
  random: SeededRandom,
): Promise<void> {
  const clients = await login(service);
  const running = loads.map((load, index) => load.run(clients[index]!));
  await new Promise((resolve) => setTimeout(resolve, LOAD_MS_MIN + random.below(LOAD_MS_SPAN)));
  await service.kill();
  await Promise.all(running);
  await service.launch();
  const wrong: string[] = [];
  const after = await login(service);
  for (const [index, load] of loads.entries()) wrong.push(...(await load.verify(after[index]!)));
  wrong.push(...(await verifyRegistrations(after[0]!)));
  for (const client of after) client.destroy();
  if (wrong.length > 0) throw new Error(wrong.slice(0, 20).join('\n'));
}

/** One session for each host, with the same ISIDs every time: registrations belong to them. */
async function login(service: TargetService): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (const [index, host] of HOSTS.entries()) {
    const isid = `80000000000${index}`;
    const options = { initiatorName: iqnOf(host), targetName: UNIT_IQN, isid };
    const client = await RawClient.session(service.port, options);
    // the unit attentions of a new session
    for (let attempt = 0; attempt < 4; attempt++)
      if ((await client.command(cdb.testUnitReady, { lun: LUN })).status === GOOD) break;
    clients.push(client);
  }
  return clients;
}

async function register(clients: readonly RawClient[]): Promise<void> {
  for (const [index, client] of clients.entries()) {
    const out = cdb.reserveParameters(0n, keyOf(index));
    out[20] = APTPL;
    await good(client, cdb.persistentReserveOut(REGISTER_AND_IGNORE), out);
  }
  const out = cdb.reserveParameters(keyOf(0), 0n);
  await good(clients[0]!, cdb.persistentReserveOut(RESERVE, WRITE_EXCLUSIVE_ALL_REGISTRANTS), out);
  for (const client of clients) client.destroy();
}

async function good(client: RawClient, command: Buffer, out: Buffer): Promise<void> {
  const { status } = await client.command(command, { lun: LUN, out });
  if (status !== GOOD) throw new Error(`command ${command[0]!.toString(16)}h: status ${status}`);
}

async function verifyRegistrations(client: RawClient): Promise<string[]> {
  const { data } = await client.command(cdb.readKeys(), { lun: LUN, inBytes: 1024 });
  const keys = Array.from({ length: data.readUInt32BE(4) / 8 }, (_, index) =>
    data.readBigUInt64BE(8 + 8 * index),
  );
  const missing = HOSTS.map((_, index) => keyOf(index)).filter((key) => !keys.includes(key));
  return missing.map((key) => `the registration of key ${key.toString(16)} is gone`);
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
  },
});
const rounds = Number(values.rounds);
console.log(`${rounds} rounds, seed ${values.seed}`);
const { writes, flushes } = await soakCrash(rounds, Number(values.seed));
console.log(`${rounds} kills survived: ${writes} writes and ${flushes} flushes answered`);
