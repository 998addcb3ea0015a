import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { SeededRandom } from '../../lib/base/index.ts';
import { isnsEntity, parsePortalAddress } from '../../lib/discovery/index.ts';
import { IsnsClient, systemTimers } from '../../lib/transport/index.ts';
import { freePort, TargetService, UNIT_IQN } from './support/service.ts';
import { requireTools, succeed } from './support/tools.ts';

const LIMIT_MS = 15_000;

/** Debian's open-isns-server in a folder of its own. */
class IsnsServer {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'hawser-isns-'));
  #process: ChildProcess | null = null;

  constructor(port: number) {
    this.port = port;
    const shared = `Security = 0\nControlSocket = ${this.#folder}/control\n`;
    writeFileSync(
      this.#path('isnsd.conf'),
      `SourceName = isns.example\nDatabase = ${this.#folder}/database\n` +
        `PIDFile = ${this.#folder}/pid\nBindAddress = 127.0.0.1:${port}\nSLPRegister = 0\n` +
        `DefaultDiscoveryDomain = 1\n${shared}`,
    );
    writeFileSync(
      this.#path('isnsadm.conf'),
      `SourceName = iqn.2026-11.test:query\nServerAddress = 127.0.0.1:${port}\n${shared}`,
    );
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  async start(): Promise<void> {
    const args = ['-f', '-c', this.#path('isnsd.conf')];
    const path = { PATH: `${process.env['PATH']}:/usr/sbin` };
    this.#process = spawn('isnsd', args, { stdio: 'ignore', env: { ...process.env, ...path } });
    await until('isnsd listens', () => answers(this.port));
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.on('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** Forgets all registrations; only while it is stopped. */
  forget(): void {
    rmSync(this.#path('database'), { recursive: true, force: true });
  }

  /** What the server tells of an entity, as isnsadm prints it. */
  query(entityId: string): Promise<string> {
    const config = this.#path('isnsadm.conf');
    return succeed('isnsadm', ['-c', config, '--local', '--query', `eid=${entityId}`]).catch(
      (error: Error) => error.message,
    );
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + LIMIT_MS;
  while (!(await condition())) {
    if (Date.now() > endMs) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('iSNS with open-isns-server', () => {
  let server: IsnsServer;
  let client: IsnsClient | undefined;
  const entity = isnsEntity({
    targetName: UNIT_IQN,
    portals: ['192.0.2.10:3260', '[2001:db8::10]:3260'].map((listen) => ({
      listen: parsePortalAddress(listen),
      portalGroupTag: 1,
    })),
    ownAddresses: [],
  });

  const startClient = async (): Promise<void> => {
    client = new IsnsClient({
      server: { host: '127.0.0.1', port: server.port },
      entity: { ...entity, registrationPeriodSeconds: 3 },
      timers: systemTimers(),
      random: new SeededRandom(1),
    });
    await until('registered', () => client?.state === 'registered');
  };

  beforeEach(async () => {
    requireTools('isnsd', 'isnsadm');
    server = new IsnsServer(await freePort());
    await server.start();
  });

  afterEach(async () => {
    await client?.stop();
    client = undefined;
    await server.dispose();
  });

  it('registers entity, node, portals and portal groups', async () => {
    await startClient();
    const found = await server.query(UNIT_IQN);
    for (const line of [
      `Entity identifier = "${UNIT_IQN}"`,
      'Entity protocol = iSCSI (2)',
      `iSCSI name = "${UNIT_IQN}"`,
      'iSCSI node type = Target',
      'Portal IP address = 192.0.2.10',
      'Portal IP address = 2001:db8::10',
      'Portal TCP/UDP port = 3260/tcp',
      'Portal group tag = 1',
    ])
      expect(found).to.include(line);
  });

  it('registers a change', async () => {
    await startClient();
    client!.update({ ...entity, portals: entity.portals.slice(0, 1) });
    await until('the change', async () => !(await server.query(UNIT_IQN)).includes('2001:db8::10'));
    expect(await server.query(UNIT_IQN)).to.include('192.0.2.10');
  });

  it('takes the registration back at the end', async () => {
    await startClient();
    await client!.stop();
    expect(await server.query(UNIT_IQN)).to.not.include('Portal IP address');
  });

  it('registers again with a server that was restarted and has forgotten', async () => {
    await startClient();
    await server.stop();
    await until('the loss', () => client?.state !== 'registered');
    server.forget();
    await server.start();
    await until('registered again', () => client?.state === 'registered');
    expect(await server.query(UNIT_IQN)).to.include('Portal IP address = 192.0.2.10');
  });

  it('a storage server with `isns` in its configuration registers and leaves', async () => {
    const target = await TargetService.start({ isns: [`127.0.0.1:${server.port}`] });
    try {
      await until('registered', async () =>
        (await server.query(UNIT_IQN)).includes('Portal IP address = 127.0.0.1'),
      );
      expect(await target.stop()).to.equal(0);
      expect(await server.query(UNIT_IQN)).to.not.include('Portal IP address');
    } finally {
      await target.dispose();
    }
  });
});
