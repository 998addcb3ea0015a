/** Everything by which nexuses keep each other from a logical unit. */
import type { CommandRow } from '../command.ts';
import { persistentReserveInCommands } from './persistent-reserve-in.ts';
import { persistentReserveOutCommands } from './persistent-reserve-out.ts';
import { reserveCommands } from './reserve6.ts';

export const reservationCommands: readonly CommandRow[] = [
  ...persistentReserveInCommands,
  ...persistentReserveOutCommands,
  ...reserveCommands,
];
