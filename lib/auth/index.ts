export * from './auth-method.ts';
export * from './binary-value.ts';
export * from './challenge-register.ts';
export * from './chap-algorithm.ts';
export * from './chap-authenticator.ts';
export * from './chap-initiator.ts';
export * from './secret-rules.ts';
