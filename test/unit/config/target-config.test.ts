import { expect } from 'chai';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigFailure, parseTargetConfig } from '../../../config/index.ts';
import type { ConfigProblem } from '../../../config/index.ts';
import { desiredDigest } from '../../../lib/admin/index.ts';

const minimal = `iqn: iqn.2026-11.io.hawser:unit1
state: ./var
array:
  disks:
    - { memory: 64MiB }
`;

function problemsOf(text: string, environment = {}): readonly ConfigProblem[] {
  try {
    parseTargetConfig('/etc/hawser/target.yaml', text, environment);
  } catch (error) {
    if (error instanceof ConfigFailure) return error.problems;
    throw error;
  }
  return [];
}

describe('target.yaml', () => {
  it('fills in what it leaves out', () => {
    const config = parseTargetConfig('/etc/hawser/target.yaml', minimal, {});
    expect(config.listen).to.deep.equal(['127.0.0.1:3260']);
    expect(config.admin.listen).to.equal('127.0.0.1:3280');
    expect(config.array).to.include({ layout: 'linear', chunkBytes: 65_536 });
    expect(config.io).to.include({ engine: 'auto', direct: true, writeCache: true });
    expect(config.limits.queueDepth).to.equal(128);
    expect(config.desired).to.deep.equal({ hosts: [], partitions: [] });
  });

  it('takes paths relative to the file', () => {
    const config = parseTargetConfig('/etc/hawser/target.yaml', minimal, {});
    expect(config.stateDirectory).to.equal('/etc/hawser/var');
  });

  it('takes a value from the environment, also a number', () => {
    const text = `${minimal}limits: { queueDepth: "\${DEPTH}" }\nadmin: { token: "\${TOKEN}" }\n`;
    const config = parseTargetConfig('/t.yaml', text, { DEPTH: '32', TOKEN: '123456' });
    expect(config.limits.queueDepth).to.equal(32);
    expect(config.admin.token).to.equal('123456');
  });

  it('keeps $${NAME} as ${NAME}', () => {
    const config = parseTargetConfig('/t.yaml', `${minimal}admin: { token: "$\${X}" }\n`, {});
    expect(config.admin.token).to.equal('${X}');
  });

  it('reads partitions and hosts in an order that does not depend on the file', () => {
    const hosts = (first: string, second: string): string =>
      `${minimal}hosts:\n  ${first}\n  ${second}\n`;
    const [a, b] = ['a: { iqn: "iqn.2026-11.x:A" }', 'b: { iqn: "iqn.2026-11.x:b" }'];
    const one = parseTargetConfig('/t.yaml', hosts(a, b), {}).desired;
    const other = parseTargetConfig('/t.yaml', hosts(b, a), {}).desired;
    expect(desiredDigest(one)).to.equal(desiredDigest(other));
    expect(one.hosts[0]!.iqn).to.equal('iqn.2026-11.x:a');
  });

  it('names the keys that do nothing in this version', () => {
    const config = parseTargetConfig('/t.yaml', `${minimal}controllers: ["127.0.0.1:3290"]\n`, {});
    expect(config.ignoredKeys).to.deep.equal(['controllers']);
  });
});

interface Case {
  readonly name: string;
  readonly text: string;
  readonly line: number;
  readonly key: string;
  readonly expected: RegExp;
  readonly found: RegExp;
}

/** Each text follows `minimal`, whose last line is 5. */
const cases: readonly Case[] = [
  {
    name: 'an unknown key',
    text: 'listem: []',
    line: 6,
    key: 'listem',
    expected: /known key/,
    found: /unknown/,
  },
  {
    name: 'an unknown key inside a section',
    text: 'io:\n  motor: auto',
    line: 7,
    key: 'io.motor',
    expected: /known key \(engine, direct, writeCache/,
    found: /unknown/,
  },
  {
    name: 'a size without a unit',
    text: 'partitions:\n  data1: { size: 1000000 }',
    line: 7,
    key: 'partitions.data1.size',
    expected: /with its unit/,
    found: /1000000/,
  },
  {
    name: 'a partition without a size',
    text: 'partitions:\n  data1: { lun: 1 }',
    line: 7,
    key: 'partitions.data1.size',
    expected: /size/,
    found: /nothing/,
  },
  {
    name: 'a name with a capital',
    text: 'partitions:\n  Data1: { size: 1GiB }',
    line: 7,
    key: 'partitions.Data1',
    expected: /name of 1 to 63/,
    found: /Data1/,
  },
  {
    name: 'a block size no disk has',
    text: 'partitions:\n  data1:\n    size: 1GiB\n    blockSize: 520',
    line: 9,
    key: 'partitions.data1.blockSize',
    expected: /512, 4096/,
    found: /520/,
  },
  {
    name: 'a LUN twice',
    text: 'partitions:\n  a: { size: 1GiB, lun: 3 }\n  b: { size: 1GiB, lun: 3 }',
    line: 8,
    key: 'partitions.b.lun',
    expected: /of its own/,
    found: /3 twice/,
  },
  {
    name: 'a host that is not listed',
    text: 'partitions:\n  a: { size: 1GiB, hosts: { web9: rw } }',
    line: 7,
    key: 'partitions.a.hosts.web9',
    expected: /a host of/,
    found: /web9/,
  },
  {
    name: 'rights that do not exist',
    text: 'partitions:\n  a: { size: 1GiB, hosts: { "*": all } }',
    line: 7,
    key: 'partitions.a.hosts.*',
    expected: /rw, ro/,
    found: /all/,
  },
  {
    name: 'write right for everybody without cluster',
    text: 'partitions:\n  a: { size: 1GiB, hosts: { "*": rw } }',
    line: 7,
    key: 'partitions.a.hosts',
    expected: /shared: cluster.*destroy/,
    found: /rw for \*/,
  },
  {
    name: 'an initiator name that is none',
    text: 'hosts:\n  web1: { iqn: web1 }',
    line: 7,
    key: 'hosts.web1.iqn',
    expected: /iSCSI name/,
    found: /web1/,
  },
  {
    name: 'one initiator name for two hosts',
    text: 'hosts:\n  a: { iqn: "iqn.2026-11.x:h" }\n  b: { iqn: "iqn.2026-11.x:H" }',
    line: 8,
    key: 'hosts.b.iqn',
    expected: /of its own/,
    found: /twice/,
  },
  {
    name: 'mutual without chap',
    text: 'hosts:\n  a: { iqn: "iqn.2026-11.x:h", mutual: { user: u, secret: "123456789012" } }',
    line: 7,
    key: 'hosts.a.mutual',
    expected: /chap/,
    found: /no `chap`/,
  },
  {
    name: 'one secret for both directions',
    text:
      'hosts:\n  a: { iqn: "iqn.2026-11.x:h", chap: { user: u, secret: "123456789012" },\n' +
      '       mutual: { user: v, secret: "123456789012" } }',
    line: 8,
    key: 'hosts.a.mutual',
    expected: /of its own/,
    found: /the secret of `chap`/,
  },
  {
    name: 'a secret below 96 bits, without repeating it',
    text: 'hosts:\n  a: { iqn: "iqn.2026-11.x:h", chap: { user: u, secret: "short" } }',
    line: 7,
    key: 'hosts.a.chap.secret',
    expected: /12 to 255 bytes/,
    found: /^5 bytes$/,
  },
  {
    name: 'credentials in place of their section, without repeating them',
    text: 'hosts: { a: { iqn: "iqn.2026-11.x:h", chap: "user:secret-secret" } }',
    line: 6,
    key: 'hosts.a.chap',
    expected: /mapping/,
    found: /^something else$/,
  },
  {
    name: 'a size that is no whole number of blocks',
    text: 'partitions: { a: { size: 1048577B } }',
    line: 6,
    key: 'partitions.a.size',
    expected: /whole blocks of 512 bytes/,
    found: /1048577 bytes/,
  },
  {
    name: 'a secret file that is absent',
    text: 'hosts:\n  a: { iqn: "iqn.2026-11.x:h", chap: { user: u, secretFile: nowhere } }',
    line: 7,
    key: 'hosts.a.chap.secretFile',
    expected: /readable file/,
    found: /\/etc\/hawser\/nowhere: ENOENT/,
  },
  {
    name: 'a portal without a port',
    text: 'listen: ["127.0.0.1"]',
    line: 6,
    key: 'listen',
    expected: /with their ports/,
    found: /127/,
  },
  {
    name: 'no portal at all',
    text: 'listen: []',
    line: 6,
    key: 'listen',
    expected: /at least one/,
    found: /empty/,
  },
  {
    name: 'a portal twice',
    text: 'listen: ["127.0.0.1:3260", "127.0.0.1:3260"]',
    line: 6,
    key: 'listen[1]',
    expected: /of its own/,
    found: /twice/,
  },
  {
    name: 'an advertised address of no portal',
    text: 'advertise: { "10.0.0.1:3260": "192.0.2.1:3260" }',
    line: 6,
    key: 'advertise.10.0.0.1:3260',
    expected: /address of `listen`/,
    found: /10\.0\.0\.1/,
  },
  {
    name: 'a switch that is no boolean',
    text: 'io: { direct: "no" }',
    line: 6,
    key: 'io.direct',
    expected: /true or false/,
    found: /"no"/,
  },
  {
    name: 'a list where a mapping belongs',
    text: 'hosts: [a]',
    line: 6,
    key: 'hosts',
    expected: /mapping/,
    found: /\["a"\]/,
  },
  {
    name: 'a mapping where a value belongs',
    text: 'zone: { a: { b: 1 } }',
    line: 6,
    key: 'zone',
    expected: /text/,
    found: /\{"a"/,
  },
  {
    name: 'a limit out of range',
    text: 'limits:\n  queueDepth: 100000',
    line: 7,
    key: 'limits.queueDepth',
    expected: /from 1 to 1024/,
    found: /100000/,
  },
  {
    name: 'a first burst above the max burst',
    text: 'limits:\n  firstBurstLength: 2MiB',
    line: 7,
    key: 'limits.firstBurstLength',
    expected: /maxBurstLength/,
    found: /2MiB/,
  },
  {
    name: 'an environment variable that is not set',
    text: 'zone: "${NOWHERE}"',
    line: 6,
    key: 'zone',
    expected: /environment variable NOWHERE/,
    found: /none/,
  },
  {
    name: 'a key that stands twice',
    text: 'zone: a\nzone: b',
    line: 7,
    key: '(YAML)',
    expected: /YAML/,
    found: /unique/,
  },
  {
    name: 'a prototype as a key',
    text: '__proto__: { polluted: yes }',
    line: 6,
    key: '__proto__',
    expected: /known key/,
    found: /unknown/,
  },
];

describe('errors of target.yaml', () => {
  for (const { name, text, line, key, expected, found } of cases) {
    it(`names line, key, expectation and finding of ${name}`, () => {
      const problems = problemsOf(`${minimal}${text}\n`);
      const problem = problems.find((candidate) => candidate.key === key);
      expect(problem, JSON.stringify(problems)).to.not.equal(undefined);
      expect(problem!.line).to.equal(line);
      expect(problem!.expected).to.match(expected);
      expect(problem!.found).to.match(found);
    });
  }

  it('tells every error at once, in the order of the file', () => {
    const text = 'iqn: unit1\nlisten: [nowhere]\narray: { disks: [{ memory: 64MB }] }\nzap: 1\n';
    const keys = problemsOf(text).map(({ line, key }) => `${line} ${key}`);
    expect(keys).to.have.members([
      '1 iqn',
      '1 state',
      '2 listen',
      '3 array.disks[0].memory',
      '4 zap',
    ]);
    expect(keys).to.deep.equal([...keys].sort());
  });

  it('asks for token and certificate where the API is not on loopback', () => {
    const keys = problemsOf(`${minimal}admin: { listen: "0.0.0.0:3280" }\n`).map(({ key }) => key);
    expect(keys).to.deep.equal(['admin.token', 'admin.tls']);
    const waived = 'admin: { listen: "0.0.0.0:3280", token: abc, insecure: true }';
    expect(problemsOf(`${minimal}${waived}\n`)).to.deep.equal([]);
  });

  it('refuses a secret file that everybody may read', () => {
    const directory = mkdtempSync(join(tmpdir(), 'hawser-config-'));
    try {
      writeFileSync(join(directory, 's'), '123456789012\n');
      const host = 'hosts: { a: { iqn: "iqn.2026-11.x:h", chap: { user: u, secretFile: s } } }\n';
      const file = join(directory, 'target.yaml');
      chmodSync(join(directory, 's'), 0o644);
      expect(() => parseTargetConfig(file, minimal + host, {})).to.throw(ConfigFailure, /0644/);
      chmodSync(join(directory, 's'), 0o640);
      const config = parseTargetConfig(file, minimal + host, {});
      expect(config.desired.hosts[0]!.chap).to.deep.equal({ user: 'u', secret: '123456789012' });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
