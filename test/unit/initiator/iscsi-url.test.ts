import { expect } from 'chai';
import { Failure } from '../../../lib/base/index.ts';
import { formatIscsiUrl, parseIscsiUrl, parsePortalUrl } from '../../../lib/initiator/index.ts';

const NAME = 'iqn.2026-11.io.hawser:unit1';

describe('iSCSI URL', () => {
  it('names host, target and LUN, on the registered port', () => {
    const url = parseIscsiUrl(`iscsi://store.example/${NAME}/7`);
    expect(url).to.include({ host: 'store.example', port: 3260, targetName: NAME, lun: 7 });
    expect(url).to.include({ user: null, secret: null, headerDigest: null });
  });

  it('takes an IPv6 host in brackets', () => {
    const url = parseIscsiUrl(`iscsi://[2001:db8::1]:3261/${NAME}/0`);
    expect(url).to.include({ host: '2001:db8::1', port: 3261 });
    expect(formatIscsiUrl(url)).to.equal(`iscsi://[2001:db8::1]:3261/${NAME}/0`);
  });

  it('takes user and secret, which may hold @ and %', () => {
    const url = parseIscsiUrl(`iscsi://web1%se@cr%et@127.0.0.1/${NAME}/0`);
    expect(url).to.include({ user: 'web1', secret: 'se@cr%et', host: '127.0.0.1' });
  });

  it('takes a user without a secret', () => {
    const url = parseIscsiUrl(`iscsi://web1@127.0.0.1/${NAME}/0`);
    expect(url).to.include({ user: 'web1', secret: null });
  });

  it('reads digests and the identity of the target from the parameters of libiscsi', () => {
    const query = 'header_digest=crc32c&data_digest=crc32c,none&target_user=u&target_password=p';
    const url = parseIscsiUrl(`iscsi://127.0.0.1/${NAME}/0?${query}`);
    expect(url).to.deep.include({ headerDigest: 'required', dataDigest: 'preferred' });
    expect(url.mutual).to.deep.equal({ user: 'u', secret: 'p' });
  });

  const wrong: Readonly<Record<string, string>> = {
    'another scheme': `http://127.0.0.1/${NAME}/0`,
    'no LUN': `iscsi://127.0.0.1/${NAME}`,
    'a LUN that is no number': `iscsi://127.0.0.1/${NAME}/x`,
    'a LUN too large': `iscsi://127.0.0.1/${NAME}/16384`,
    'a port too large': `iscsi://127.0.0.1:65536/${NAME}/0`,
    'no host': `iscsi:///${NAME}/0`,
    'an empty user': `iscsi://%secret@127.0.0.1/${NAME}/0`,
    'an unknown parameter': `iscsi://127.0.0.1/${NAME}/0?wrong=1`,
    'an unknown digest': `iscsi://127.0.0.1/${NAME}/0?data_digest=md5`,
    'half an identity of the target': `iscsi://127.0.0.1/${NAME}/0?target_user=u`,
  };
  for (const [what, url] of Object.entries(wrong)) {
    it(`refuses ${what}`, () => {
      expect(() => parseIscsiUrl(url))
        .to.throw(Failure)
        .with.property('kind', 'usage');
    });
  }

  it('never shows the secret in a refusal', () => {
    const parse = (): unknown => parseIscsiUrl(`iscsi://web1%topsecret@127.0.0.1/${NAME}/x`);
    expect(parse).to.throw(Failure).with.property('message').that.does.not.contain('topsecret');
  });

  it('reads a portal with and without scheme and port', () => {
    expect(parsePortalUrl('store.example')).to.include({ host: 'store.example', port: 3260 });
    expect(parsePortalUrl('iscsi://[::1]:14000/')).to.include({ host: '::1', port: 14000 });
    expect(() => parsePortalUrl('iscsi://host/name/0')).to.throw(Failure);
  });
});
