/** The native engine's own guards, below what the typed face lets through. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { nativeBinding } from '../../lib/block/index.ts';
import type { NativeEngineHandle } from '../../lib/block/index.ts';

const { errno: Errno } = constants;
const READ = 0;

interface Raw {
  readonly handle: NativeEngineHandle;
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  nextCompletions(): Promise<[token: number, result: number][]>;
}

function makeRaw(kind: 'io_uring' | 'threads'): Raw {
  const words = new Int32Array(4 * 8);
  const numbers = new Float64Array(3 * 8);
  const completions = new Int32Array(2 * 8);
  let told: (list: [number, number][]) => void = () => undefined;
  const onCompletions = (count: number): void => {
    const list = Array.from({ length: count }, (_, index): [number, number] => [
      completions[2 * index]!,
      completions[2 * index + 1]!,
    ]);
    told(list);
  };
  const arrays = { words, numbers, completions, onCompletions };
  const handle = new (nativeBinding().Engine)({ kind, depth: 8, threads: 2, ...arrays });
  const nextCompletions = (): Promise<[number, number][]> =>
    new Promise((resolve) => (told = resolve));
  return { handle, words, numbers, nextCompletions };
}

for (const kind of ['io_uring', 'threads'] as const) {
  describe(`native engine guards: ${kind}`, () => {
    let raw: Raw;
    let fd: number;
    beforeEach(() => {
      raw = makeRaw(kind);
      fd = openSync('/dev/zero', 'r');
    });
    afterEach(() => {
      raw.handle.close();
      closeSync(fd);
    });

    it('answers -EFAULT for memory outside a slab and never touches it', async () => {
      const slab = nativeBinding().allocateSlab(4096);
      raw.words.set([
        0,
        READ,
        fd,
        slab.id,
        1,
        READ,
        fd,
        9999,
        2,
        READ,
        fd,
        -1,
        3,
        READ,
        fd,
        slab.id,
      ]);
      raw.numbers.set([4000, 200, 0, 0, 16, 0, 0, 16, 0, 2 ** 40, 1, 0]);
      const completions = raw.nextCompletions();
      raw.handle.submit(4);
      const results = new Map(await completions);
      expect([...results.keys()].sort()).to.deep.equal([0, 1, 2, 3]);
      expect([...new Set(results.values())]).to.deep.equal([-Errno.EFAULT]);
    });

    it('refuses a token that is in use', async () => {
      const slab = nativeBinding().allocateSlab(4096);
      raw.words.set([0, READ, fd, slab.id, 0, READ, fd, slab.id]);
      raw.numbers.set([0, 512, 0, 0, 512, 0]);
      const completions = raw.nextCompletions();
      expect(() => raw.handle.submit(2)).to.throw(TypeError);
      expect(await completions).to.deep.equal([[0, 0]]);
    });

    it('refuses unknown operations, sparse tokens, bad numbers and long batches', () => {
      const refused = (words: number[], numbers: number[], count = 1): void => {
        raw.words.set(words);
        raw.numbers.set(numbers);
        expect(() => raw.handle.submit(count)).to.throw(TypeError);
      };
      refused([0, 7, fd, -1], [0, 0, 0]);
      refused([0, -1, fd, -1], [0, 0, 0]);
      refused([5, READ, fd, -1], [0, 0, 0]);
      refused([0, READ, fd, -1], [0, NaN, 0]);
      refused([0, READ, fd, -1], [0, 0, -1]);
      refused([0, READ, fd, -1], [0, 0, 0], 9);
      expect(raw.handle.inFlight()).to.equal(0);
    });

    it('refuses a batch after close', () => {
      raw.handle.close();
      expect(() => raw.handle.submit(1)).to.throw(TypeError);
    });
  });
}

/** The collector, which a test has no other way to call for. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

describe('a native read from what gives its bytes bit by bit', () => {
  let folder: string;
  let fd: number;
  let raw: Raw;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hawser-fifo-'));
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    fd = openSync(fifo, 'r+');
    raw = makeRaw('io_uring');
  });
  afterEach(() => {
    raw.handle.close();
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  const submitRead = (slabId: number): Promise<[token: number, result: number][]> => {
    const completions = raw.nextCompletions();
    raw.words.set([0, READ, fd, slabId]);
    raw.numbers.set([0, 16, 0]);
    raw.handle.submit(1);
    return completions;
  };

  it('keeps its memory although nobody knows that any more', async () => {
    const completions = submitRead(nativeBinding().allocateSlab(4096).id);
    for (let round = 0; round < 5; round++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    writeSync(fd, Buffer.alloc(16));
    expect(await completions).to.deep.equal([[0, 0]]);
  });

  it('goes on until it has all of them', async () => {
    const slab = nativeBinding().allocateSlab(4096);
    const completions = submitRead(slab.id);
    for (const piece of ['01234', '56789', 'abcdef']) {
      writeSync(fd, piece);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(await completions).to.deep.equal([[0, 0]]);
    expect(Buffer.from(slab.buffer, 0, 17).toString()).to.equal('0123456789abcdef\0');
  });

  it('is cancelled while it waits', async () => {
    const completions = submitRead(nativeBinding().allocateSlab(4096).id);
    raw.handle.cancel(0);
    expect(await completions).to.deep.equal([[0, -Errno.ECANCELED]]);
  });
});
