import { expect } from 'chai';
import { serialAdd, serialBefore, serialDistance } from '../../../lib/wire/index.ts';

describe('serial numbers', () => {
  it('count on over the wrap', () => {
    expect(serialAdd(0xffffffff, 1)).to.equal(0);
    expect(serialAdd(0, -1)).to.equal(0xffffffff);
    expect(serialAdd(0xfffffff0, 0x20)).to.equal(0x10);
  });

  it('come before those up to 2^31 - 1 ahead, over the wrap too', () => {
    expect(serialBefore(1, 2)).to.equal(true);
    expect(serialBefore(2, 1)).to.equal(false);
    expect(serialBefore(5, 5)).to.equal(false);
    expect(serialBefore(0xffffffff, 0)).to.equal(true);
    expect(serialBefore(0, 0xffffffff)).to.equal(false);
    expect(serialBefore(0, 0x7fffffff)).to.equal(true);
    expect(serialBefore(0, 0x80000001)).to.equal(false);
  });

  it('have a signed distance', () => {
    expect(serialDistance(0xfffffffe, 3)).to.equal(5);
    expect(serialDistance(3, 0xfffffffe)).to.equal(-5);
    expect(serialDistance(7, 7)).to.equal(0);
  });
});
