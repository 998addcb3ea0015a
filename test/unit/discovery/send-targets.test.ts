import { expect } from 'chai';
import { parsePortalAddress, sendTargetsAnswer } from '../../../lib/discovery/index.ts';
import type { DiscoverableTarget, SendTargetsQuery } from '../../../lib/discovery/index.ts';

const unit1 = 'iqn.2026-11.io.hawser:unit1';
const unit2 = 'iqn.2026-11.io.hawser:unit2';

const target = (name: string, ...portals: (string | [string, string])[]): DiscoverableTarget => ({
  name,
  portals: portals.map((portal) => {
    const [listen, advertise] = typeof portal === 'string' ? [portal] : portal;
    return {
      listen: parsePortalAddress(listen!),
      ...(advertise === undefined ? {} : { advertise: parsePortalAddress(advertise) }),
      portalGroupTag: 1,
    };
  }),
});

const query = (value: string, rest: Partial<SendTargetsQuery> = {}): SendTargetsQuery => ({
  value,
  sessionType: 'discovery',
  arrivedAt: { host: '192.0.2.10', port: 3260 },
  ...rest,
});

const addresses = (targets: DiscoverableTarget[], rest: Partial<SendTargetsQuery> = {}) =>
  sendTargetsAnswer(query('All', rest), targets)
    ?.filter(([key]) => key === 'TargetAddress')
    .map(([, value]) => value);

describe('SendTargets', () => {
  const both = [target(unit1, '192.0.2.10:3260'), target(unit2, '192.0.2.10:3260')];

  it('All in a discovery session tells every target with its portals', () => {
    expect(sendTargetsAnswer(query('All'), both)).to.deep.equal([
      ['TargetName', unit1],
      ['TargetAddress', '192.0.2.10:3260,1'],
      ['TargetName', unit2],
      ['TargetAddress', '192.0.2.10:3260,1'],
    ]);
  });

  it('a name tells that target only', () => {
    const answer = sendTargetsAnswer(query(unit2), both);
    expect(answer?.filter(([key]) => key === 'TargetName')).to.deep.equal([['TargetName', unit2]]);
  });

  it('a name that this host may not know is answered like one that does not exist', () => {
    expect(sendTargetsAnswer(query('iqn.2026-11.io.hawser:other'), both)).to.deep.equal([]);
  });

  it('the empty value is out of place in a discovery session', () => {
    expect(sendTargetsAnswer(query(''), both)).to.equal(undefined);
  });

  it('the empty value in a normal session tells the target of the session', () => {
    const normal = { sessionType: 'normal', sessionTarget: unit1 } as const;
    expect(sendTargetsAnswer(query('', normal), both)?.[0]).to.deep.equal(['TargetName', unit1]);
  });

  it('All and other names are out of place in a normal session', () => {
    const normal = { sessionType: 'normal', sessionTarget: unit1 } as const;
    expect(sendTargetsAnswer(query('All', normal), both)).to.equal(undefined);
    expect(sendTargetsAnswer(query(unit2, normal), both)).to.equal(undefined);
  });

  it('the portal by which the host came stands first', () => {
    const two = [target(unit1, '198.51.100.1:3260', '192.0.2.10:3260')];
    expect(addresses(two)).to.deep.equal(['192.0.2.10:3260,1', '198.51.100.1:3260,1']);
  });

  it('a portal on all addresses is told as the one by which the host came', () => {
    expect(addresses([target(unit1, '0.0.0.0:3260')])).to.deep.equal(['192.0.2.10:3260,1']);
  });

  it('a dual-stack portal is told to an IPv4 host as IPv4', () => {
    const arrivedAt = { host: '::ffff:192.0.2.10', port: 3260 };
    expect(addresses([target(unit1, '[::]:3260')], { arrivedAt })).to.deep.equal([
      '192.0.2.10:3260,1',
    ]);
  });

  it('IPv6 addresses stand in brackets', () => {
    const arrivedAt = { host: '2001:db8::1', port: 3260 };
    expect(addresses([target(unit1, '[::]:3260')], { arrivedAt })).to.deep.equal([
      '[2001:db8::1]:3260,1',
    ]);
  });

  it('an advertised address takes the place of the one listened on', () => {
    const translated = [target(unit1, ['192.0.2.10:3260', 'storage.example:13260'])];
    expect(addresses(translated)).to.deep.equal(['storage.example:13260,1']);
  });

  it('an address is told once', () => {
    const doubled = [target(unit1, '0.0.0.0:3260', '192.0.2.10:3260')];
    expect(addresses(doubled)).to.deep.equal(['192.0.2.10:3260,1']);
  });
});

describe('a portal address', () => {
  for (const [text, host, port] of [
    ['192.0.2.1:3261', '192.0.2.1', 3261],
    ['192.0.2.1', '192.0.2.1', 3260],
    ['[2001:db8::1]:3260', '2001:db8::1', 3260],
    ['[::]', '::', 3260],
    ['storage.example:860', 'storage.example', 860],
  ] as const)
    it(`reads ${text}`, () => {
      expect(parsePortalAddress(text)).to.deep.equal({ host, port });
    });

  for (const text of ['2001:db8::1', '192.0.2.1:', '192.0.2.1:70000', '[::1', 'host:port'])
    it(`refuses ${text}`, () => {
      expect(() => parsePortalAddress(text)).to.throw(/no portal address/);
    });
});
