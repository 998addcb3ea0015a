/** hawser partition … */
import type { Command } from 'commander';
import type { PartitionEntry, Rights } from '../../../lib/admin/index.ts';
import { Failure } from '../../../lib/base/index.ts';
import { LUN_MAX } from '../../../config/bounds.ts';
import { collect, part, rightsArgument, sizeArgument, wholeArgument } from '../arguments.ts';
import type { CommandContext, LongOptions, Terminal } from '../context.ts';
import { act, destructive, longRunning } from '../register.ts';
import { partitionView } from '../views.ts';

interface CreateOptions extends LongOptions {
  readonly size: string;
  readonly lun?: string;
  readonly blockSize?: string;
  readonly host?: string[];
  readonly cluster?: boolean;
  readonly force?: boolean;
}

interface DeleteOptions extends LongOptions {
  readonly force?: boolean;
  readonly yes?: boolean;
}

const BLOCK_SIZES = ['512', '512B', '4096', '4096B', '4KiB'];

export function addPartitionCommands(program: Command, terminal: Terminal): void {
  const partition = program.command('partition').description('partitions of the disk array');
  const list = partition.command('list').alias('ls').description('all partitions');
  act(list, terminal, (context) =>
    context.show(async () =>
      context.rows(await context.client.get<PartitionEntry[]>('/partitions'), partitionView),
    ),
  );
  addCreate(partition, terminal);
  addChanges(partition, terminal);
  addAssign(partition, terminal);
  addUnassign(partition, terminal);
  const remove = partition
    .command('delete <name>')
    .alias('rm')
    .description('delete a partition and its data');
  act(longRunning(destructive(remove)), terminal, (context, options: DeleteOptions, name) =>
    deletePartition(context, options, name!),
  );
}

function addCreate(partition: Command, terminal: Terminal): void {
  const create = partition
    .command('create <name>')
    .description('make a partition; nobody sees it until it is assigned')
    .requiredOption('--size <size>', 'capacity, like 10GiB')
    .option('--lun <number>', 'LUN number; default: the lowest free one')
    .option('--block-size <size>', '512 or 4KiB; default: 512, or what the disks demand')
    .option('--host <host[:rights]>', 'assign it: web1, web1:ro, *:ro; may be repeated', collect)
    .option('--cluster', 'several hosts may write: their file system knows how to share a disk')
    .option('--force', 'end sessions that still know the LUN number as another partition');
  act(longRunning(create), terminal, async (context, options: CreateOptions, name) => {
    const body = newPartition(name!, options);
    const wait = context.waiting(options);
    const made = await context.client.change<PartitionEntry>('POST', '/partitions', { body, wait });
    if (made !== undefined) context.rows([made], partitionView);
  });
}

function newPartition(name: string, options: CreateOptions): object {
  const { blockSize } = options;
  if (blockSize !== undefined && !BLOCK_SIZES.includes(blockSize)) {
    throw new Failure('usage', `--block-size ${blockSize}: expected 512 or 4KiB`);
  }
  return {
    name,
    sizeBytes: sizeArgument('--size', options.size),
    ...(options.lun !== undefined && { lun: wholeArgument('--lun', options.lun, 0, LUN_MAX) }),
    ...(blockSize !== undefined && { blockSizeBytes: blockSize.startsWith('512') ? 512 : 4096 }),
    ...(options.cluster === true && { shared: 'cluster' }),
    ...(options.host !== undefined && { hosts: Object.fromEntries(options.host.map(hostRights)) }),
    ...(options.force === true && { force: true }),
  };
}

function hostRights(text: string): [string, Rights] {
  const [host, rights = 'rw'] = text.split(':');
  return [host!, rightsArgument(rights)];
}

function addChanges(partition: Command, terminal: Terminal): void {
  const resize = partition
    .command('resize <name> [size]')
    .description('grow a partition while it is in use; it never shrinks')
    .option('--size <size>', 'new capacity, like 20GiB');
  act(
    longRunning(resize),
    terminal,
    (context, options: LongOptions & { size?: string }, name, size) => {
      const text = options.size ?? size;
      if (text === undefined)
        throw new Failure('usage', 'resize: expected the new --size, like 20GiB');
      return change(context, options, name!, { sizeBytes: sizeArgument('--size', text) });
    },
  );
  const rename = partition
    .command('rename <name> <new-name>')
    .description('give a partition another name; hosts see the same disk');
  act(longRunning(rename), terminal, (context, options: LongOptions, name, newName) =>
    change(context, options, name!, { name: newName }),
  );
}

async function change(
  context: CommandContext,
  options: LongOptions,
  name: string,
  body: object,
): Promise<void> {
  const call = { body, wait: context.waiting(options) };
  const path = `/partitions/${part(name)}`;
  const changed = await context.client.change<PartitionEntry>('PATCH', path, call);
  if (changed !== undefined) context.rows([changed], partitionView);
}

function addAssign(partition: Command, terminal: Terminal): void {
  const assign = partition
    .command('assign <name> <host> [rights]')
    .description('let a host see a partition: rw (default) or ro; "*" is any host')
    .option('--ro', 'read only')
    .option('--cluster', 'several hosts may write: their file system knows how to share a disk');
  act(longRunning(assign), terminal, (context, options: AssignOptions, ...args) =>
    assignPartition(context, options, args as [string, string, string?]),
  );
}

interface AssignOptions extends LongOptions {
  readonly ro?: boolean;
  readonly cluster?: boolean;
}

async function assignPartition(
  context: CommandContext,
  options: AssignOptions,
  [name, host, rights]: readonly [string, string, string?],
): Promise<void> {
  const body = {
    rights: rightsArgument(rights ?? (options.ro === true ? 'ro' : 'rw')),
    ...(options.cluster === true && { shared: 'cluster' }),
  };
  const path = `/partitions/${part(name)}/hosts/${part(host)}`;
  const call = { body, wait: context.waiting(options) };
  const assigned = await context.client.change<PartitionEntry>('PUT', path, call);
  if (assigned !== undefined) context.rows([assigned], partitionView);
}

function addUnassign(partition: Command, terminal: Terminal): void {
  const unassign = partition
    .command('unassign <name> <host>')
    .description('take a partition from a host; returns when its commands have ended');
  act(longRunning(unassign), terminal, async (context, options: LongOptions, name, host) => {
    const path = `/partitions/${part(name!)}/hosts/${part(host!)}`;
    const wait = context.waiting(options);
    const left = await context.client.change<PartitionEntry>('DELETE', path, { wait });
    if (left !== undefined) context.rows([left], partitionView);
  });
}

async function deletePartition(
  context: CommandContext,
  options: DeleteOptions,
  name: string,
): Promise<void> {
  const path = `/partitions/${part(name)}`;
  const { connected } = await context.client.get<PartitionEntry>(path);
  const who = [
    ...new Set(connected.map(({ host, remoteAddress }) => `${host} (${remoteAddress})`)),
  ];
  if (who.length > 0 && options.force !== true) {
    const advice = 'detach it there first, or add --force';
    throw new Failure('inUse', `partition ${name}: connected: ${who.join(', ')}; ${advice}`);
  }
  const note = who.length > 0 ? ` Connected: ${who.join(', ')}.` : '';
  await context.confirm(`Delete partition ${name} and all its data?${note}`, options.yes);
  const query = options.force === true ? '?force=true' : '';
  const wait = context.waiting(options);
  const done = await context.client.change('DELETE', path + query, { wait });
  if (done !== undefined) context.say(`partition ${name} deleted`);
}
