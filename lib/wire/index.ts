export * from './crc32c.ts';
export * from './fields.ts';
export * from './layout.ts';
export * from './serial-number.ts';
