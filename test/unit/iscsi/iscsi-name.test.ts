import { expect } from 'chai';
import { isIscsiName, normalizeIscsiName } from '../../../lib/iscsi/index.ts';

const normalized = (name: string): string => {
  const result = normalizeIscsiName(name);
  return result.ok ? result.value : `error: ${result.error}`;
};

describe('iSCSI names', () => {
  const valid = [
    'iqn.2026-11.io.hawser:unit1',
    'iqn.1993-08.org.debian:01:web1',
    'iqn.2001-04.com.example',
    'iqn.1991-05.com.microsoft:host-1.corp.local',
    'iqn.2001-04.com.example:a_b',
    'eui.02004567a425678d',
    'naa.52004567ba64678d',
    'naa.62004567ba64678d0123456789abcdef',
    `iqn.2001-04.com.example:${'x'.repeat(199)}`,
  ];
  for (const name of valid) {
    it(`may be ${name.slice(0, 50)}`, () => expect(normalized(name)).to.equal(name));
  }

  const invalid = [
    '',
    'web1',
    'iqn.2026.io.hawser:x',
    'iqn.2026-13.io.hawser:x',
    'iqn.2026-11.:x',
    'iqn.2026-11.io..hawser',
    'iqn.2026-11.io.hawser:a b',
    'iqn.2026-11.io.hawser:a/b',
    'iqn.2026-11.io.hawser:a\u0007',
    'iqn.2026-11.io.hawser:',
    'eui.02004567a425678',
    'eui.02004567a425678g',
    'naa.52004567ba64678d0',
    `iqn.2001-04.com.example:${'x'.repeat(200)}`,
  ];
  for (const name of invalid) {
    it(`may not be ${JSON.stringify(name.slice(0, 50))}`, () =>
      expect(isIscsiName(name)).to.equal(false));
  }

  it('are compared in lower case', () => {
    expect(normalized('IQN.2026-11.IO.Hawser:Unit1')).to.equal('iqn.2026-11.io.hawser:unit1');
    expect(normalized('EUI.02004567A425678D')).to.equal('eui.02004567a425678d');
  });
  it('are compared after compatibility composition', () => {
    expect(normalized('iqn.2026-11.io.hawser:ﬁle')).to.equal('iqn.2026-11.io.hawser:file');
    expect(normalized('iqn.2026-11.io.hawser:e\u0301')).to.equal('iqn.2026-11.io.hawser:é');
    expect(normalized('iqn.2026-11.io.hawser:Ａ')).to.equal('iqn.2026-11.io.hawser:a');
  });
  it('lose characters that can not be seen', () => {
    expect(normalized('iqn.2026-11.io.haw\u00ADser:a\u200Bb')).to.equal('iqn.2026-11.io.hawser:ab');
  });
  it('count their 223 bytes after normalization, in UTF-8', () => {
    expect(isIscsiName(`iqn.2001-04.com.example:${'é'.repeat(99)}`)).to.equal(true);
    expect(isIscsiName(`iqn.2001-04.com.example:${'é'.repeat(100)}`)).to.equal(false);
  });
  it('keep their normal form when normalized again', () => {
    const once = normalized('IQN.2026-11.io.hawser:ﬁΣé');
    expect(normalized(once)).to.equal(once);
  });
});
