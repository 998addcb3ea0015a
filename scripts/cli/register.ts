/**
 * Joins commands to commander: each gets its context, and whatever it throws becomes an exit code
 * in one place.
 */
import type { Command } from 'commander';
import { CommandContext } from './context.ts';
import type { GlobalOptions, Terminal } from './context.ts';

export type CommandRun<Options> = (
  context: CommandContext,
  options: Options,
  ...args: (string | undefined)[]
) => Promise<void>;

/**
 * Makes `run` the action of a command; commander hands arguments first, then options.
 * @param defaultAdmin the service it asks; left out: the storage server.
 */
export function act<Options>(
  command: Command,
  terminal: Terminal,
  run: CommandRun<Options>,
  defaultAdmin?: string,
): Command {
  return command.action(async (...given: unknown[]) => {
    const args = given.slice(0, -2) as (string | undefined)[];
    const options = command.optsWithGlobals<GlobalOptions>();
    const context = new CommandContext(terminal, options, defaultAdmin);
    await run(context, options as Options, ...args);
  });
}

/** A change that may take long. */
export const longRunning = (command: Command): Command =>
  command
    .option('--no-wait', 'return as soon as the service has taken the change')
    .option('--timeout <duration>', 'wait no longer than this, like 30s; the change goes on');

/** Something is lost by it. */
export const destructive = (command: Command): Command =>
  command
    .option('--force', 'also while hosts are connected')
    .option('--yes', 'do not ask; needed where there is no terminal');
