/** hawser share create: the common case in one verb */
import type { Command } from 'commander';
import { LUN_MAX } from '../../../config/bounds.ts';
import type { HostEntry, PartitionEntry, StatusEntry } from '../../../lib/admin/index.ts';
import { sizeArgument, wholeArgument } from '../arguments.ts';
import type { CommandContext, LongOptions, Terminal } from '../context.ts';
import { pasteBlocks } from '../paste-lines.ts';
import type { ShareFacts } from '../paste-lines.ts';
import { act, longRunning } from '../register.ts';
import { generateSecret, givenSecret } from '../secret-source.ts';
import type { SecretOptions } from '../secret-source.ts';

interface ShareOptions extends LongOptions, SecretOptions {
  readonly size: string;
  readonly to: string;
  readonly lun?: string;
  readonly host?: string;
  readonly user?: string;
  readonly chap: boolean;
}

interface Shared {
  readonly partition: PartitionEntry;
  readonly host: HostEntry;
  readonly hostIsNew: boolean;
  readonly portals: readonly string[];
}

/** Where the secret would stand, in what others may read. */
const SECRET_PLACEHOLDER = 'SECRET';

export function addShareCommands(program: Command, terminal: Terminal): void {
  const share = program.command('share').description('give a host a disk in one step');
  const create = share
    .command('create <name>')
    .description('make partition, host and CHAP secret, and print what to paste on the host')
    .requiredOption('--size <size>', 'capacity, like 10GiB')
    .requiredOption('--to <iqn>', "the host's initiator name")
    .option('--lun <number>', 'LUN number; default: the lowest free one')
    .option('--host <name>', 'what to call the host; default: from its initiator name')
    .option('--user <name>', 'CHAP name of a new host')
    .option('--secret-file <file>', 'CHAP secret of a new host; also HAWSER_SECRET')
    .option('--secret-stdin', 'CHAP secret, first line of standard input')
    .option('--no-chap', 'let a new host in by its initiator name alone');
  act(longRunning(create), terminal, createShare);
}

async function createShare(
  context: CommandContext,
  options: ShareOptions,
  name?: string,
): Promise<void> {
  const given = options.chap ? await givenSecret(options, context.terminal) : undefined;
  const secret = options.chap ? (given ?? generateSecret()) : undefined;
  const user = options.user ?? options.host ?? options.to.split(':').at(-1)!;
  const body = {
    name,
    sizeBytes: sizeArgument('--size', options.size),
    iqn: options.to,
    chap: secret === undefined ? null : { user, secret },
    ...(options.lun !== undefined && { lun: wholeArgument('--lun', options.lun, 0, LUN_MAX) }),
    ...(options.host !== undefined && { host: options.host }),
  };
  const call = { body, wait: context.waiting(options) };
  const shared = await context.client.change<Shared>('POST', '/shares', call);
  if (shared === undefined) {
    if (given === undefined && secret !== undefined) tellSecret(context, user, secret);
    return;
  }
  const { iqn } = await context.client.get<StatusEntry>('/status');
  show(context, shared, iqn, shared.hostIsNew ? secret : undefined);
}

/** The blocks to paste hold the secret only where a person reads them. */
function show(
  context: CommandContext,
  shared: Shared,
  targetIqn: string,
  secret: string | undefined,
): void {
  const { chapUser } = shared.host;
  const facts = (shown: string): ShareFacts => ({
    portals: shared.portals,
    targetIqn,
    initiatorIqn: shared.host.iqn,
    lun: shared.partition.lun,
    partition: shared.partition.name,
    chap: chapUser === null ? null : { user: chapUser, secret: shown },
  });
  const forPeople = facts(secret ?? SECRET_PLACEHOLDER);
  const data = { ...shared, target: targetIqn, connect: pasteBlocks(facts(SECRET_PLACEHOLDER)) };
  const { form } = context.output;
  context.one(data, {
    text: () => shareText(shared, forPeople),
    name: () => shared.partition.name,
  });
  if (secret !== undefined && form !== 'table' && form !== 'wide') {
    tellSecret(context, chapUser!, secret);
  }
  if (chapUser !== null && secret === undefined) {
    context.say(`host ${shared.host.name} was known: its CHAP secret stays what it is`);
  }
}

const tellSecret = (context: CommandContext, user: string, secret: string): void =>
  context.say(`CHAP name ${user}, secret ${secret} (shown once; the host needs it to log in)`);

function shareText({ partition, host }: Shared, facts: ShareFacts): string {
  const head = [
    `partition ${partition.name}, LUN ${partition.lun}, for host ${host.name} (${host.iqn})`,
    `target ${facts.targetIqn} at ${facts.portals.join(', ')}`,
    facts.chap === null
      ? 'no CHAP: whoever says this name is let in'
      : `CHAP name ${facts.chap.user}, secret ${facts.chap.secret} (shown once)`,
  ];
  const blocks = pasteBlocks(facts).map(
    ({ system, lines }) => `\n# ${system}\n${lines.join('\n')}\n`,
  );
  return `${head.join('\n')}\n${blocks.join('')}`;
}
