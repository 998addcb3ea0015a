/**
 * The login phase as a table, for either end; what isn't in it is refused. @source RFC 7143 §6.3
 */
import { LoginStage } from './codes.ts';

export type LoginState =
  | 'start'
  | 'security'
  | 'operational'
  /** Everything is negotiated; the owner decides whether the session may begin. */
  | 'admitting'
  | 'fullFeature'
  | 'closed';
export type LoginEvent =
  'beginSecurity' | 'beginOperational' | 'toOperational' | 'toFullFeature' | 'admit' | 'refuse';

export const loginTransitions = {
  start: { beginSecurity: 'security', beginOperational: 'operational', refuse: 'closed' },
  security: { toOperational: 'operational', toFullFeature: 'admitting', refuse: 'closed' },
  operational: { toFullFeature: 'admitting', refuse: 'closed' },
  admitting: { admit: 'fullFeature', refuse: 'closed' },
  fullFeature: {},
  closed: {},
} as const satisfies Record<LoginState, Partial<Record<LoginEvent, LoginState>>>;

/** @returns the next state, or undefined where the event has no place in this one. */
export function nextLoginState(state: LoginState, event: LoginEvent): LoginState | undefined {
  const row: Partial<Record<LoginEvent, LoginState>> = loginTransitions[state];
  return row[event];
}

/** CSG of the first request → how the login begins. */
export function beginEvent(currentStage: number): LoginEvent | undefined {
  if (currentStage === LoginStage.security) return 'beginSecurity';
  return currentStage === LoginStage.operational ? 'beginOperational' : undefined;
}

/** NSG of a request that asks to go on → the transition it asks for. */
export function transitEvent(nextStage: number): LoginEvent | undefined {
  if (nextStage === LoginStage.operational) return 'toOperational';
  return nextStage === LoginStage.fullFeature ? 'toFullFeature' : undefined;
}

/** The stage that a PDU of this state carries in CSG. */
export function stageOf(state: LoginState): LoginStage {
  return state === 'security' || state === 'start' ? LoginStage.security : LoginStage.operational;
}
