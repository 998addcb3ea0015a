import { constants } from 'node:os';

const names = new Map(Object.entries(constants.errno).map(([name, code]) => [code, name]));

/** @param result a negative errno. @returns its name, as in ENOSPC. */
export const errnoName = (result: number): string => names.get(-result) ?? `errno ${-result}`;
