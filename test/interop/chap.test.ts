import { join } from 'node:path';
import { expect } from 'chai';
import { projectRoot } from '../architecture/source-tree.ts';
import { TargetService, UNIT_IQN } from './support/service.ts';
import { requireTools, succeed } from './support/tools.ts';

const WEB1 = 'iqn.1993-08.org.debian:01:web1';
const WEB2 = 'iqn.1993-08.org.debian:01:web2';
const SECRET = 'a-long-web1-secret';
const MUTUAL_SECRET = 'another-unit1-secret';
const AUTHENTICATION_FAILED = '0201';

const client = join(projectRoot(), 'test', 'interop', 'chap_client.py');

interface Outcome {
  /** Status class and detail, four hexadecimal digits; `none` where the connection just ended. */
  readonly status: string;
  readonly keys?: Readonly<Record<string, string>>;
  /** Whether the target proved itself; null where it wasn't asked. */
  readonly mutual?: boolean | null;
  readonly error?: string;
}

const algorithms = { MD5: 5, SHA1: 6, 'SHA-256': 7, 'SHA3-256': 8 };

describe('CHAP with an independent login client', () => {
  let target: TargetService;

  before(async () => {
    requireTools('python3');
    target = await TargetService.start(
      {
        hosts: {
          web1: {
            iqn: WEB1,
            chap: { user: 'web1', secretFile: 'web1.secret' },
            mutual: { user: 'unit1', secretFile: 'unit1.secret' },
          },
          web2: { iqn: WEB2, chap: { user: 'web2', secretFile: 'web2.secret' } },
        },
        partitions: { data1: { size: '64MiB', lun: 0, hosts: { web1: 'rw' } } },
      },
      {
        'web1.secret': SECRET,
        'web2.secret': 'the-secret-of-web2',
        'unit1.secret': MUTUAL_SECRET,
      },
    );
  });

  after(() => target?.dispose());

  const login = async (args: readonly string[], secret = SECRET): Promise<Outcome> => {
    const fixed = ['--port', String(target.port), '--target', UNIT_IQN, '--initiator', WEB1];
    const output = await succeed('python3', [client, ...fixed, '--user', 'web1', ...args], {
      env: { CHAP_SECRET: secret, CHAP_TARGET_SECRET: MUTUAL_SECRET },
    });
    return JSON.parse(output) as Outcome;
  };

  it('the client computes the fixed vectors', async () => {
    expect(JSON.parse(await succeed('python3', [client, '--self-test']))).to.deep.equal({
      vectors: 4,
    });
  });

  for (const [name, number] of Object.entries(algorithms)) {
    const only = ['--algorithms', String(number)];

    it(`${name} lets the right secret in`, async () => {
      expect(await login(only)).to.deep.include({ status: '0000', mutual: null });
    });

    it(`${name} refuses a wrong secret`, async () => {
      const outcome = await login(only, 'not-the-secret-at-all');
      expect(outcome.status).to.equal(AUTHENTICATION_FAILED);
    });

    it(`${name} proves the target to the host`, async () => {
      const outcome = await login([...only, '--mutual', 'unit1']);
      expect(outcome).to.deep.include({ status: '0000', mutual: true });
    });

    it(`${name} refuses a challenge that was reflected`, async () => {
      const outcome = await login([...only, '--reflect', '--mutual', 'unit1']);
      expect(outcome.status).to.be.oneOf([AUTHENTICATION_FAILED, 'none']);
    });
  }

  it('takes a response in base64', async () => {
    expect((await login(['--encoding', 'base64'])).status).to.equal('0000');
  });

  it('chooses the first algorithm of the host that it knows', async () => {
    const outcome = await login(['--algorithms', '99,8,5']);
    expect(outcome.keys?.['CHAP_A']).to.equal('8');
  });

  it('refuses algorithms that it does not know', async () => {
    const outcome = await login(['--algorithms', '99,56']);
    expect(outcome.status).to.not.equal('0000');
  });

  it('refuses the way around authentication', async () => {
    const outcome = await login(['--skip-security']);
    expect(outcome.status).to.equal(AUTHENTICATION_FAILED);
  });

  it('refuses an offer of no authentication at all', async () => {
    expect((await login(['--methods', 'None'])).status).to.equal(AUTHENTICATION_FAILED);
  });

  it('asks for a secret also in a discovery session', async () => {
    expect((await login(['--session', 'Discovery', '--skip-security'])).status).to.equal(
      AUTHENTICATION_FAILED,
    );
    expect((await login(['--session', 'Discovery'])).status).to.equal('0000');
  });

  it("refuses a host's name with another host's right secret", async () => {
    const outcome = await login(['--user', 'web2'], 'the-secret-of-web2');
    expect(outcome.status).to.equal(AUTHENTICATION_FAILED);
  });

  it('refuses an unknown user just like a wrong secret', async () => {
    const outcome = await login(['--user', 'nobody']);
    expect(outcome).to.deep.equal({ status: AUTHENTICATION_FAILED });
  });
});
