/** The command tree of `hawser`. */
import { Command, Option } from 'commander';
import { addCompletionCommands } from './commands/completion.ts';
import { addConfigurationCommands } from './commands/configuration.ts';
import { addHostCommands, addSessionCommands } from './commands/host.ts';
import { addLaterVerbs } from './commands/later.ts';
import { addNetworkCommands } from './commands/network.ts';
import { addPartitionCommands } from './commands/partition.ts';
import { addServerCommands } from './commands/server.ts';
import { addShareCommands } from './commands/share.ts';
import { addTaskCommands } from './commands/task.ts';
import type { Terminal } from './context.ts';
import { OUTPUT_FORMS } from './output.ts';
import { holdYoungHeap } from './young-heap.ts';

const EXIT_CODES = `
Exit codes: 0 done, 1 unexpected, 2 usage or configuration, 3 not found, 4 exists or conflicts,
5 in use or wrong state, 6 not allowed, 7 timed out and still running, 8 service unreachable,
9 partly done, 130 interrupted.
Environment: HAWSER_ADMIN (address or socket of the service), HAWSER_TOKEN, HAWSER_SECRET,
HAWSER_LOG (trace, debug, info, warn, error).`;

export function buildProgram(terminal: Terminal, version: string): Command {
  const program = new Command('hawser')
    .description('Block storage over many strands')
    .version(version)
    .addOption(
      new Option('-o, --output <form>', 'how to print').choices([...OUTPUT_FORMS]).default('table'),
    )
    .option('--json', 'the same as -o json')
    .option('--no-headers', 'tables without their first line')
    .option('--watch', 'show again every two seconds')
    .option('--admin <address>', 'service to ask: host:port or the path of its socket')
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for the options)')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', EXIT_CODES)
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .exitOverride();
  addTarget(program, terminal, version);
  addConfigurationCommands(program, terminal);
  addShareCommands(program, terminal);
  addPartitionCommands(program, terminal);
  addHostCommands(program, terminal);
  addSessionCommands(program, terminal);
  addServerCommands(program, terminal);
  addTaskCommands(program, terminal);
  addNetworkCommands(program, terminal);
  addCompletionCommands(program, terminal);
  addLaterVerbs(program, version);
  return program;
}

function addTarget(program: Command, terminal: Terminal, version: string): void {
  program
    .command('target')
    .description('run the storage server in the foreground')
    .requiredOption('--config <file>', 'target.yaml')
    .action(async ({ config }: { config: string }) => {
      const onReady = holdYoungHeap();
      // the whole server is loaded only where it is run
      const { serveTarget } = await import('../serve-target.ts');
      await serveTarget({ file: config, version, env: terminal.env, onReady });
    });
}
