/** Initiator and Target of the programming interface against each other, over TCP. */
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { expect } from 'chai';
import { Failure, MIB } from '../../../lib/base/index.ts';
import { MemoryDevice, promiseFace } from '../../../lib/block/index.ts';
import { Initiator } from '../../../lib/transport/initiator.ts';
import type { InitiatorOptions } from '../../../lib/transport/initiator.ts';
import { Target } from '../../../lib/transport/target.ts';
import { encodeTextKeys, loginResponse, LoginStatus } from '../../../lib/iscsi/index.ts';
import { encode } from '../../../lib/wire/index.ts';
import { runBench } from '../../../scripts/bench/index.ts';

const IQN = 'iqn.2026-11.io.hawser:open';
const WEB = 'iqn.1993-08.org.debian:01:web1';
const CHAP = { user: 'web1', secret: 'a secret of web1' };

const failureOf = async (promise: Promise<unknown>): Promise<Failure> => {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('nothing failed');
};

/** The answer of a target that has moved. */
function redirection(request: Buffer, portal: string): Buffer {
  const text = encodeTextKeys([{ key: 'TargetAddress', value: portal }]);
  const header = encode(loginResponse, {
    isid: request.subarray(8, 14),
    initiatorTaskTag: request.readUInt32BE(16),
    status: LoginStatus.targetMovedTemporarily,
    dataSegmentLengthBytes: text.length,
  });
  return Buffer.concat([header, text, Buffer.alloc(-text.length & 3)]);
}

describe('Initiator', () => {
  let target: Target;
  let medium: MemoryDevice;
  let portal = '';
  const url = (lun = 0): string => `iscsi://${portal}/${IQN}/${lun}`;

  beforeEach(async () => {
    target = new Target({ iqn: IQN, chap: { [WEB]: CHAP } });
    medium = new MemoryDevice({ capacityBytes: 4 * MIB });
    await target.addLun(0, medium, { hosts: { '*': 'rw', [WEB]: 'rw' }, name: 'data1' });
    await target.addLun(300, new MemoryDevice({ capacityBytes: MIB }), { hosts: { '*': 'ro' } });
    portal = await target.listen('127.0.0.1:0');
  });

  afterEach(() => target.close());

  it('writes, reads back and closes', async () => {
    const disk = await Initiator.open(url());
    const data = Buffer.alloc(64 * 1024, 'hawser');
    await promiseFace(disk).write(4096, data);
    const into = Buffer.alloc(data.length);
    await promiseFace(disk).read(4096, into);
    expect(into.equals(data)).to.equal(true);
    await disk.close();
    expect(disk.client.session.state).to.equal('ended');
  });

  it('opens a LUN above 255, and sees that it is read-only', async () => {
    const disk = await Initiator.open(url(300));
    expect([disk.capacityBytes, disk.features.readOnly]).to.deep.equal([MIB, true]);
    await disk.close();
  });

  it('finds targets, portals and the partitions assigned to it', async () => {
    const { targets, partitions } = await Initiator.discover(portal);
    expect(targets.map(({ targetName }) => targetName)).to.deep.equal([IQN]);
    expect(targets[0]!.portals[0]).to.include({ host: '127.0.0.1' });
    expect(partitions?.map(({ name, lun, rights }) => [name, lun, rights])).to.deep.equal([
      ['data1', 0, 'rw'],
      ['memory', 300, 'ro'],
    ]);
  });

  it('proves itself by CHAP', async () => {
    const disk = await Initiator.open(url(), { initiatorName: WEB, chap: CHAP });
    await disk.close();
  });

  it('takes user and secret from the URL', async () => {
    const secret = encodeURI(CHAP.secret).replaceAll('%20', ' ');
    const disk = await Initiator.open(url().replace('//', `//${CHAP.user}%${secret}@`), {
      initiatorName: WEB,
    });
    await disk.close();
  });

  const refusals: readonly {
    readonly name: string;
    readonly kind: string;
    readonly url?: () => string;
    readonly options?: InitiatorOptions;
  }[] = [
    {
      name: 'a wrong secret',
      kind: 'notAllowed',
      options: { initiatorName: WEB, chap: { ...CHAP, secret: 'another secret' } },
    },
    { name: 'no secret where one is asked', kind: 'notAllowed', options: { initiatorName: WEB } },
    { name: 'a name that is none', kind: 'usage', options: { initiatorName: 'web1' } },
    { name: 'an unknown target', kind: 'notFound', url: () => url().replace(IQN, `${IQN}x`) },
    { name: 'an unknown LUN', kind: 'notFound', url: () => url(9) },
    { name: 'a user without a secret', kind: 'usage', url: () => url().replace('//', '//web1@') },
  ];
  for (const { name, kind, url: where = url, options = {} } of refusals) {
    it(`is refused as ${kind} with ${name}`, async () => {
      expect((await failureOf(Initiator.open(where(), options))).kind).to.equal(kind);
    });
  }

  it('hears of a LUN that grew, at the latest with its next I/O', async () => {
    const disk = await Initiator.open(url());
    const grown = new Promise<number>((resolve) => disk.onCapacityChange(resolve));
    medium.grow(6 * MIB);
    await promiseFace(disk).read(0, Buffer.alloc(512));
    expect(await grown).to.equal(6 * MIB);
    await promiseFace(disk).write(5 * MIB, Buffer.alloc(512));
    await disk.close();
  });

  it('tells when the session ends although nobody closed the disk', async () => {
    const ended = new Promise<string>((resolve, reject) => {
      const options = { onEnded: ({ kind }: { kind: string }) => resolve(kind) };
      Initiator.open(url(), options).then(() => target.close(), reject);
    });
    expect(['connectionLost', 'loggedOut']).to.include(await ended);
  });

  it('goes where the target sends it', async () => {
    const elsewhere = createServer((socket) => {
      socket.once('data', (request) => socket.end(redirection(request, portal)));
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    const { port } = elsewhere.address() as { port: number };
    const disk = await Initiator.open(`iscsi://127.0.0.1:${port}/${IQN}/0`);
    expect(`${disk.client.session.connection.port.remoteAddress}`).to.equal(portal);
    await disk.close();
    elsewhere.close();
  });

  it('measures a LUN', async () => {
    const load = { url: url(), blockSizeBytes: 4096, depth: 4, connections: 2, seconds: 0.1 };
    for (const op of ['randread', 'randwrite', 'read', 'write'] as const) {
      const result = await runBench({ ...load, op });
      expect(result.errors, op).to.equal(0);
      expect(result.operations, op).to.be.above(0);
      expect(result.latencyUs.p99, op).to.be.at.least(result.latencyUs.p50);
    }
  });

  it('does not measure writes on a read-only LUN', async () => {
    const load = { blockSizeBytes: 4096, depth: 1, connections: 1, seconds: 0.1 };
    const failure = await failureOf(runBench({ ...load, url: url(300), op: 'write' }));
    expect(failure.kind).to.equal('notAllowed');
  });
});

describe('Initiator without a target', () => {
  let server: Server | null = null;

  afterEach(() => {
    server?.close();
    server = null;
  });

  async function listen(onConnect: Parameters<typeof createServer>[1]): Promise<string> {
    const made = createServer(onConnect);
    server = made;
    await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
    const { port } = made.address() as { port: number };
    return `iscsi://127.0.0.1:${port}/${IQN}/0`;
  }

  it('is unreachable where nobody listens', async () => {
    const url = await listen(() => undefined);
    server!.close();
    expect((await failureOf(Initiator.open(url))).kind).to.equal('unreachable');
  });

  it('is unreachable where the connection is closed during login', async () => {
    const url = await listen((socket) => socket.destroy());
    expect((await failureOf(Initiator.open(url))).kind).to.equal('unreachable');
  });

  it('is unreachable where somebody speaks another protocol', async () => {
    const url = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'.padEnd(99)));
    expect((await failureOf(Initiator.open(url))).kind).to.equal('unreachable');
  });

  it('is unreachable where nobody answers the login', async () => {
    const url = await listen((socket) => socket.resume());
    const failure = await failureOf(Initiator.open(url, { limits: { loginMs: 50 } }));
    expect(failure.message).to.contain('no end of the login within 50 ms');
  });
});
