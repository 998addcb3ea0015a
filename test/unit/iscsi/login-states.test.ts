import { expect } from 'chai';
import { loginTransitions, nextLoginState } from '../../../lib/iscsi/index.ts';
import type { LoginEvent, LoginState } from '../../../lib/iscsi/index.ts';

const states = Object.keys(loginTransitions) as LoginState[];
const events: readonly LoginEvent[] = [
  'beginSecurity',
  'beginOperational',
  'toOperational',
  'toFullFeature',
  'admit',
  'refuse',
];

/** The whole of RFC 7143 §6.3 for one connection; what is absent has no next state. */
const expected: Readonly<Record<string, LoginState>> = {
  'start beginSecurity': 'security',
  'start beginOperational': 'operational',
  'start refuse': 'closed',
  'security toOperational': 'operational',
  'security toFullFeature': 'admitting',
  'security refuse': 'closed',
  'operational toFullFeature': 'admitting',
  'operational refuse': 'closed',
  'admitting admit': 'fullFeature',
  'admitting refuse': 'closed',
};

describe('the login state table', () => {
  for (const state of states) {
    for (const event of events) {
      const next = expected[`${state} ${event}`];
      it(`goes from ${state} by ${event} to ${next ?? 'nowhere'}`, () => {
        expect(nextLoginState(state, event)).to.equal(next);
      });
    }
  }
  it('never leads back', () => {
    const order: readonly LoginState[] = [
      'start',
      'security',
      'operational',
      'admitting',
      'fullFeature',
      'closed',
    ];
    for (const state of states) {
      for (const next of Object.values<LoginState>(loginTransitions[state])) {
        expect(order.indexOf(next)).to.be.greaterThan(order.indexOf(state));
      }
    }
  });
});
