export * from './assert.ts';
export * from './clock.ts';
export * from './failure.ts';
export * from './random.ts';
export * from './result.ts';
export * from './units.ts';
