/**
 * Mode pages as data (SPC-4, SBC-3): the constant bytes, and the bits that stand for parameters of
 * the unit.
 */
import type { ModeState } from '../mode-state.ts';

export const PageControl = { current: 0, changeable: 1, defaults: 2, saved: 3 } as const;
export type PageControl = (typeof PageControl)[keyof typeof PageControl];

/** A parameter of one bit. */
interface ModeFlag {
  readonly byte: number;
  readonly mask: number;
  readonly get: (modes: ModeState) => boolean;
  readonly set: (modes: ModeState, on: boolean) => void;
  readonly isDefault: (modes: ModeState) => boolean;
  readonly isChangeable: (modes: ModeState) => boolean;
}

export interface ModePage {
  readonly code: number;
  readonly name: string;
  /** Page code, page length and constant parameters; nothing is saved (PS 0). */
  readonly constant: readonly number[];
  readonly flags: readonly ModeFlag[];
}

const always = (): boolean => true;
const never = (): boolean => false;

const caching: ModePage = {
  code: 0x08,
  name: 'Caching',
  constant: [0x08, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  flags: [
    {
      byte: 2, // WCE
      mask: 0x04,
      get: (modes) => modes.writeCacheEnabled,
      set: (modes, on) => {
        modes.writeCacheEnabled = on;
      },
      isDefault: (modes) => modes.writeCacheChangeable,
      isChangeable: (modes) => modes.writeCacheChangeable,
    },
  ],
};

/** One task set for all nexuses; commands may be reordered; no limit to how long BUSY can last. */
const control: ModePage = {
  code: 0x0a,
  name: 'Control',
  constant: [0x0a, 0x0a, 0, 0x10, 0, 0, 0, 0, 0xff, 0xff, 0, 0],
  flags: [
    {
      byte: 2, // D_SENSE
      mask: 0x04,
      get: (modes) => modes.descriptorSense,
      set: (modes, on) => {
        modes.descriptorSense = on;
      },
      isDefault: never,
      isChangeable: always,
    },
    {
      byte: 4, // SWP
      mask: 0x08,
      get: (modes) => modes.softwareWriteProtect,
      set: (modes, on) => {
        modes.softwareWriteProtect = on;
      },
      isDefault: never,
      isChangeable: always,
    },
    {
      byte: 5, // TAS
      mask: 0x40,
      get: (modes) => modes.taskAbortedStatus,
      set: (modes, on) => {
        modes.taskAbortedStatus = on;
      },
      isDefault: never,
      isChangeable: always,
    },
  ],
};

/** DEXCPT: no informational exceptions are reported. */
const informationalExceptions: ModePage = {
  code: 0x1c,
  name: 'Informational Exceptions Control',
  constant: [0x1c, 0x0a, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  flags: [],
};

/** Ascending by page code, as all pages are reported. */
export const modePages: readonly ModePage[] = [caching, control, informationalExceptions];

/** Bytes of a page as MODE SENSE reports it. */
export function modePageBytes(page: ModePage, modes: ModeState, which: PageControl): Buffer {
  const bytes = Buffer.from(page.constant);
  if (which === PageControl.changeable) bytes.fill(0, 2);
  for (const flag of page.flags) {
    if (flagShows(flag, modes, which)) bytes[flag.byte]! |= flag.mask;
  }
  return bytes;
}

function flagShows(flag: ModeFlag, modes: ModeState, which: PageControl): boolean {
  if (which === PageControl.changeable) return flag.isChangeable(modes);
  return which === PageControl.current ? flag.get(modes) : flag.isDefault(modes);
}

/**
 * @param given a page of MODE SELECT.
 * @returns the first byte that asks for what can't be changed; -1: none.
 */
export function refusedModeByte(page: ModePage, modes: ModeState, given: Buffer): number {
  const current = modePageBytes(page, modes, PageControl.current);
  const changeable = modePageBytes(page, modes, PageControl.changeable);
  for (let byte = 2; byte < current.length; byte++) {
    if (((given[byte]! ^ current[byte]!) & ~changeable[byte]!) !== 0) return byte;
  }
  return -1;
}

/** @returns whether anything is different now. */
export function applyModePage(page: ModePage, modes: ModeState, given: Buffer): boolean {
  let changed = false;
  for (const flag of page.flags) {
    const on = (given[flag.byte]! & flag.mask) !== 0;
    if (flag.get(modes) === on) continue;
    flag.set(modes, on);
    changed = true;
  }
  return changed;
}
