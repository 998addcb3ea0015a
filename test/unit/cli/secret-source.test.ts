import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../../lib/base/index.ts';
import { generateSecret, givenSecret } from '../../../scripts/cli/secret-source.ts';
import { FakeTerminal } from './fake-terminal.ts';

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  const outcome: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(outcome).to.be.instanceOf(Failure);
  return outcome as Failure;
}

describe('secrets of commands', () => {
  it('come from the environment', async () => {
    const terminal = new FakeTerminal({ HAWSER_SECRET: 'sixteen-bytes-ok' });
    expect(await givenSecret({}, terminal)).to.equal('sixteen-bytes-ok');
  });

  it('come from the first line of standard input', async () => {
    const terminal = new FakeTerminal();
    terminal.stdin = 'sixteen-bytes-ok\nmore';
    expect(await givenSecret({ secretStdin: true }, terminal)).to.equal('sixteen-bytes-ok');
  });

  it('come from the first line of a file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hawser-secret-'));
    try {
      const secretFile = join(directory, 's');
      writeFileSync(secretFile, 'sixteen-bytes-ok\r\n');
      expect(await givenSecret({ secretFile }, new FakeTerminal())).to.equal('sixteen-bytes-ok');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('are refused when short, without being repeated', async () => {
    const terminal = new FakeTerminal({ HAWSER_SECRET: 'hunter2' });
    const failure = await failureOf(givenSecret({}, terminal));
    expect(failure.kind).to.equal('usage');
    expect(failure.message).to.contain('12').and.not.contain('hunter2');
  });

  it('are missed with the name of the file', async () => {
    const failure = await failureOf(givenSecret({ secretFile: '/nowhere/s' }, new FakeTerminal()));
    expect(failure.message).to.contain('/nowhere/s');
  });

  it('are none where none is given', async () => {
    expect(await givenSecret({}, new FakeTerminal())).to.equal(undefined);
  });

  it('that are made fit Windows, and are never the same', () => {
    const made = Array.from({ length: 64 }, generateSecret);
    for (const secret of made) expect(secret).to.match(/^[A-Za-z2-9]{16}$/);
    expect(new Set(made).size).to.equal(made.length);
  });
});
