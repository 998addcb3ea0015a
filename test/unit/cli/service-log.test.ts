import { expect } from 'chai';
import { Failure } from '../../../lib/base/index.ts';
import { RecordWriter } from '../../../scripts/cli/service-log.ts';

function written(record: object): Record<string, unknown> {
  let line = '';
  new RecordWriter((text) => (line += text)).write(record);
  expect(line).to.match(/\n$/);
  return JSON.parse(line) as Record<string, unknown>;
}

describe('log records', () => {
  it('hold no secret, however deep it lies', () => {
    const chap = { user: 'web1', secret: 'sixteen-bytes-ok', CHAP_R: '0x12' };
    const record = written({
      host: { chap },
      token: 'abc',
      headers: [{ authorization: 'Bearer x' }],
    });
    const text = JSON.stringify(record);
    for (const secret of ['sixteen', 'abc', '0x12', 'Bearer']) expect(text).to.not.contain(secret);
    expect(text).to.contain('web1');
  });

  it('take a BigInt', () => {
    expect(written({ lba: 2n ** 60n })).to.deep.equal({ lba: '1152921504606846976' });
  });

  it('say of a failure its class, of anything else where it happened', () => {
    expect(written({ err: new Failure('inUse', 'held') })['err']).to.deep.equal({
      name: 'Failure',
      message: 'held',
      kind: 'inUse',
    });
    expect(written({ err: new Error('x') })['err']).to.have.property('stack');
  });
});
