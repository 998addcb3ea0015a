/** hawser plan, apply, export */
import type { Command } from 'commander';
import type { TargetConfig } from '../../../config/index.ts';
import { formatSize } from '../../../config/quantity.ts';
import type { DesiredState, PlanLine } from '../../../lib/admin/index.ts';
import { Failure } from '../../../lib/base/index.ts';
import type { CommandContext, LongOptions, Terminal } from '../context.ts';
import { renderData } from '../output.ts';
import { act, longRunning } from '../register.ts';
import { planView } from '../views.ts';

interface ApplyOptions extends LongOptions {
  readonly prune?: boolean;
  readonly force?: boolean;
  readonly yes?: boolean;
}

interface Exported {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly desired: DesiredState;
}

export function addConfigurationCommands(program: Command, terminal: Terminal): void {
  const plan = program
    .command('plan <file>')
    .description('what apply would do')
    .option('--check', 'exit 4 when anything differs')
    .option('--prune', 'also what --prune would delete');
  act(plan, terminal, runPlan);
  const apply = program
    .command('apply <file>')
    .description('bring about the hosts, partitions and assignments of a configuration file')
    .option('--prune', 'delete hosts and partitions that are not in the file')
    .option('--force', 'delete also what hosts are connected to')
    .option('--yes', 'do not ask before deleting');
  act(longRunning(apply), terminal, runApply);
  const exported = program
    .command('export')
    .description('a configuration file that describes what is; secrets stay on the server');
  act(exported, terminal, async (context) => {
    const state = await context.client.get<Exported>('/export');
    const form = context.output.form === 'json' ? 'json' : 'yaml';
    terminal.out(renderData(configurationOf(state), form));
  });
}

async function runPlan(
  context: CommandContext,
  options: { check?: boolean; prune?: boolean },
  file?: string,
): Promise<void> {
  const { desired } = await loadConfig(context, file!);
  const lines = await planOf(context, desired, options);
  context.rows(lines, planView);
  if (lines.length === 0) context.say('nothing differs');
  if (options.check === true && lines.length > 0) {
    throw new Failure('conflict', `${lines.length} difference(s) between ${file!} and the server`);
  }
}

async function loadConfig({ terminal }: CommandContext, file: string): Promise<TargetConfig> {
  // what reads files is loaded only where one is read: most commands should be quick
  const { loadTargetConfig } = await import('../../../config/index.ts');
  return loadTargetConfig(file, terminal.env);
}

async function planOf(
  { client }: CommandContext,
  desired: DesiredState,
  options: { prune?: boolean },
): Promise<readonly PlanLine[]> {
  const body = { desired, prune: options.prune === true };
  return (await client.change<{ lines: readonly PlanLine[] }>('POST', '/plan', { body }))!.lines;
}

async function runApply(
  context: CommandContext,
  options: ApplyOptions,
  file?: string,
): Promise<void> {
  const config = await loadConfig(context, file!);
  const { desired } = config;
  if (options.prune === true) {
    const deleted = (await planOf(context, desired, options)).filter(
      ({ action, kind }) => action === 'delete' && kind !== 'assignment',
    );
    const names = deleted.map(({ kind, name }) => `${kind} ${name}`).join(', ');
    if (deleted.length > 0) await context.confirm(`Delete ${names}?`, options.yes);
  }
  const choices = { prune: options.prune === true, force: options.force === true };
  const body = { desired, ...choices, source: config.file };
  const call = { body, wait: context.waiting(options) };
  const done = await context.client.change<{ changed: boolean; lines: readonly PlanLine[] }>(
    'POST',
    '/apply',
    call,
  );
  if (done === undefined) return;
  context.rows(done.lines, planView);
  context.say(done.changed ? 'applied' : 'nothing to do');
}

/** The form of a configuration file, which `plan` and `apply` take back. */
function configurationOf({ settings, desired }: Exported): object {
  const hosts = desired.hosts.map(({ name, iqn, chap, mutual }) => [
    name,
    {
      iqn,
      ...(chap !== null && { chap: { user: chap.user } }),
      ...(mutual !== null && { mutual: { user: mutual.user } }),
    },
  ]);
  const partitions = desired.partitions.map((partition) => [
    partition.name,
    {
      size: formatSize(partition.sizeBytes),
      ...(partition.lun !== null && { lun: partition.lun }),
      ...(partition.blockSizeBytes !== null && { blockSize: partition.blockSizeBytes }),
      ...(partition.shared && { shared: 'cluster' }),
      hosts: partition.hosts,
    },
  ]);
  return {
    ...settings,
    hosts: Object.fromEntries(hosts) as object,
    partitions: Object.fromEntries(partitions) as object,
  };
}
