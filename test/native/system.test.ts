import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { nativeBinding, systemMemory } from '../../lib/block/index.ts';

/** A service manager's socket; node has no Unix datagrams. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind('\\0' + name[1:] if name.startswith('@') else name)
print('bound', flush=True)
print(s.recv(4096).decode(), flush=True)
`;

async function receive(path: string, send: () => void): Promise<string> {
  const child = spawn('python3', ['-c', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const ended = new Promise((resolve) => child.once('close', resolve));
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      resolve();
    });
  });
  send();
  await ended;
  return output;
}

describe('native system calls', () => {
  const native = nativeBinding();
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'hawser-system-'))));
  after(() => rmSync(folder, { recursive: true }));

  it('tells the service manager', async () => {
    const path = join(folder, 'notify');
    const output = await receive(path, () => native.notify(path, 'READY=1\nSTATUS=ok'));
    expect(output).to.equal('bound\nREADY=1\nSTATUS=ok\n');
  });

  it('tells the service manager at an abstract address', async () => {
    const path = `@hawser-test-${process.pid}`;
    const output = await receive(path, () => native.notify(path, 'STOPPING=1'));
    expect(output).to.equal('bound\nSTOPPING=1\n');
  });

  it('throws where nobody listens or the address is too long', () => {
    expect(() => native.notify(join(folder, 'nobody'), 'READY=1')).to.throw(/No such file/);
    expect(() => native.notify('/'.repeat(200), 'READY=1')).to.throw(/Invalid argument/);
  });

  it('duplicates a descriptor', () => {
    const fd = openSync('/dev/null', 'r');
    const copy = native.duplicate(fd);
    closeSync(fd);
    expect(copy).not.to.equal(fd);
    expect(fstatSync(copy).isCharacterDevice()).to.equal(true);
    closeSync(copy);
    expect(() => native.duplicate(copy)).to.throw(/Bad file descriptor/);
  });

  it('gives zeroed memory on whole pages, each with a number of its own', () => {
    const slabs = [systemMemory(1), systemMemory(10_000), systemMemory(1024 * 1024)];
    expect(slabs.map(({ bytes }) => bytes.length)).to.deep.equal([4096, 12_288, 1024 * 1024]);
    expect(new Set(slabs.map(({ nativeId }) => nativeId)).size).to.equal(3);
    expect(slabs.every(({ bytes }) => bytes.every((byte) => byte === 0))).to.equal(true);
  });

  it('refuses memory without a size', () => {
    expect(() => native.allocateSlab(0)).to.throw(TypeError);
    expect(() => native.allocateSlab(NaN)).to.throw(TypeError);
    expect(() => native.allocateSlab(2 ** 52)).to.throw(/no memory/);
  });
});
