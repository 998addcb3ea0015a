/** bin/hawser: one command for services and administration. */
import { ExitCode } from '../lib/base/index.ts';
import { runCommand } from './cli/run.ts';
import { processTerminal } from './cli/terminal.ts';
import { packageVersion } from './cli/version.ts';

// a reader that has seen enough (`| head`) is no error
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(ExitCode.done);
  throw error;
});

const words = process.argv.slice(2);
// a service drains when it is told to stop; a command just stops
if (words[0] !== 'target') process.once('SIGINT', () => process.exit(ExitCode.interrupted));

const exitCode = await runCommand(words, processTerminal, packageVersion());
// a disk that doesn't let go must not keep a service that has ended
if (words[0] === 'target') process.exit(exitCode);
process.exitCode = exitCode;
