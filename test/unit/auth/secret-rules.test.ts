import { expect } from 'chai';
import { checkCredentials, checkSecret } from '../../../lib/auth/index.ts';

const chap = { user: 'web1', secret: 'twelve bytes' };
const mutual = { user: 'unit1', secret: 'other secret' };

describe('CHAP secrets', () => {
  it('have at least 12 bytes', () => {
    expect(checkSecret('x'.repeat(12))).to.equal(undefined);
    expect(checkSecret('x'.repeat(11))).to.contain('at least 12');
  });
  it('count bytes, not characters', () => expect(checkSecret('é'.repeat(6))).to.equal(undefined));
  it('have at most 255 bytes', () => {
    expect(checkSecret('x'.repeat(255))).to.equal(undefined);
    expect(checkSecret('x'.repeat(256))).to.contain('at most 255');
  });
  it('hold no zero byte', () => expect(checkSecret('a\0bcdefghijklm')).to.contain('zero byte'));
  it('are never repeated in what is said about them', () => {
    expect(checkSecret('hunter2')).to.not.contain('hunter2');
  });
  it('differ between the directions', () => {
    expect(checkCredentials(chap, mutual)).to.equal(undefined);
    expect(checkCredentials(chap, { ...mutual, secret: chap.secret })).to.contain('must differ');
  });
  it('are checked in both directions, users too', () => {
    expect(checkCredentials(chap)).to.equal(undefined);
    expect(checkCredentials(chap, { ...mutual, secret: 'short' })).to.contain('at least 12');
    expect(checkCredentials({ ...chap, user: '' })).to.contain('user');
    expect(checkCredentials(chap, { ...mutual, user: 'x'.repeat(256) })).to.contain('user');
  });
});
