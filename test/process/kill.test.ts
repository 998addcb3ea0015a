import { expect } from 'chai';
import { SeededRandom } from '../../lib/base/index.ts';
import type { Random } from '../../lib/base/index.ts';
import { head, hosts } from './one-disk.ts';
import { TargetProcess } from './service.ts';

const ROUNDS = 20;
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const LIFE_MS_MAX = 120;
const MIB = 1024 * 1024;
/**
 * Lanes change things side by side, each its own partitions, so that each knows what it did last.
 */
const LANES = [0, 1, 2];

/** Hosts by partition; absent: there is no such partition. */
type State = Map<string, Set<string>>;

interface Step {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
  readonly apply: (state: State) => void;
}

const copy = (state: State): State =>
  new Map([...state].map(([name, list]) => [name, new Set(list)]));
const words = (state: State): string =>
  [...state]
    .map(([name, list]) => `${name}(${[...list].sort().join()})`)
    .sort()
    .join(' ');

class Lane {
  /** What was acknowledged, and the change whose answer never came. */
  state: State;
  pending: Step | null = null;
  readonly #names: readonly string[];
  readonly #random: Random;

  constructor(lane: number, random: Random, first: State) {
    this.#names = lane === 0 ? ['data1', 'x0'] : [`x${2 * lane - 1}`, `x${2 * lane}`];
    this.#random = random;
    this.state = first;
  }

  owns(name: string): boolean {
    return this.#names.includes(name);
  }

  /** Changes until the server is gone. */
  async run(admin: string): Promise<void> {
    for (;;) {
      const step = this.#choose();
      this.pending = step;
      try {
        await send(admin, step);
      } catch {
        return;
      }
      step.apply(this.state);
      this.pending = null;
    }
  }

  /** What may be found now: the state before the last change, or after it. */
  possible(): string[] {
    const after = copy(this.state);
    this.pending?.apply(after);
    return [words(this.state), words(after)];
  }

  settle(found: State): void {
    this.state = found;
    this.pending = null;
  }

  #choose(): Step {
    const name = this.#names[this.#random.below(this.#names.length)]!;
    const path = `/partitions/${name}`;
    const list = this.state.get(name);
    if (list === undefined) {
      const given = this.#random.below(2) === 0 ? ['web1', 'web2'] : [];
      const list = Object.fromEntries(given.map((host) => [host, 'ro']));
      const body = { name, sizeBytes: 2 * MIB, hosts: list };
      const apply = (state: State): void => void state.set(name, new Set(given));
      return { method: 'POST', path: '/partitions', body, apply };
    }
    if (name !== 'data1' && this.#random.below(3) === 0) {
      return { method: 'DELETE', path, apply: (state) => void state.delete(name) };
    }
    const assign = `${path}/hosts/web1`;
    if (list.has('web1')) {
      const apply = (state: State): void => void state.get(name)!.delete('web1');
      return { method: 'DELETE', path: assign, apply };
    }
    const apply = (state: State): void => void state.get(name)!.add('web1');
    return { method: 'PUT', path: assign, body: { rights: 'ro' }, apply };
  }
}

async function send(admin: string, { method, path, body }: Omit<Step, 'apply'>): Promise<unknown> {
  const response = await fetch(`http://${admin}/api/v1${path}`, {
    method,
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  expect(response.status, JSON.stringify(answer)).to.be.lessThan(300);
  return answer;
}

async function stateOf(admin: string): Promise<State> {
  const response = await fetch(`http://${admin}/api/v1/partitions`);
  const list = (await response.json()) as { name: string; assignments: { host: string }[] }[];
  return new Map(
    list.map(({ name, assignments }) => [name, new Set(assignments.map(({ host }) => host))]),
  );
}

describe(`a server that is killed in the middle of changes (SEED=${SEED})`, function () {
  this.timeout(120_000);
  const random = new SeededRandom(SEED);
  const target = new TargetProcess(
    `${head}${hosts}partitions:\n  data1: { size: 2MiB, lun: 0, hosts: { web1: rw } }\n`,
  );

  after(() => target.remove());

  it(`has after each of ${ROUNDS} kills what was acknowledged, and never what was revoked`, async () => {
    const { admin } = await target.start();
    const first = await stateOf(admin);
    const lanes = LANES.map((lane) => new Lane(lane, random, lane === 0 ? first : new Map()));
    let incarnation = 1;
    for (let round = 1; round <= ROUNDS; round++) {
      const { admin: here } = target.ready!;
      const running = lanes.map((lane) => lane.run(here));
      await new Promise((resolve) => setTimeout(resolve, random.below(LIFE_MS_MAX)));
      await target.stop('SIGKILL');
      await Promise.all(running);
      await target.start();
      const found = await stateOf(target.ready!.admin);
      for (const lane of lanes) {
        const own = new Map([...found].filter(([name]) => lane.owns(name)));
        expect(lane.possible(), `round ${round}`).to.include(words(own));
        lane.settle(own);
      }
      const response = await fetch(`http://${target.ready!.admin}/api/v1/status`);
      const status = (await response.json()) as { incarnation: number };
      expect(status.incarnation).to.equal(++incarnation);
    }
  });
});
