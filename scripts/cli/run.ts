/** Runs one command and turns however it ends into an exit code, in this one place. */
import { CommanderError } from 'commander';
import { AssertionError, ExitCode, Failure } from '../../lib/base/index.ts';
import type { Terminal } from './context.ts';
import { buildProgram } from './program.ts';

/** Of commander: what was asked for has been shown. */
const shown = new Set(['commander.helpDisplayed', 'commander.version']);

export async function runCommand(
  words: readonly string[],
  terminal: Terminal,
  version: string,
): Promise<number> {
  try {
    await buildProgram(terminal, version).parseAsync([...words], { from: 'user' });
    return ExitCode.done;
  } catch (error) {
    return exitCodeOf(error, terminal);
  }
}

function exitCodeOf(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) {
    return shown.has(error.code) ? ExitCode.done : ExitCode.usage;
  }
  if (error instanceof Failure) {
    const lines = error.message.split('\n');
    terminal.err(lines.map((line) => `hawser: ${line}\n`).join(''));
    return error.exitCode;
  }
  const { stack, message } = error as Error;
  const bug = error instanceof AssertionError ? 'a bug of hawser: ' : '';
  terminal.err(`hawser: ${bug}${stack ?? message}\n`);
  return ExitCode.unexpected;
}
