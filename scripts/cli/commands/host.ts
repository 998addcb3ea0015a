/** hawser host …, hawser session … */
import type { Command } from 'commander';
import type { HostEntry, SessionEntry } from '../../../lib/admin/index.ts';
import { Failure } from '../../../lib/base/index.ts';
import { part } from '../arguments.ts';
import type { CommandContext, LongOptions, Terminal } from '../context.ts';
import { act, destructive, longRunning } from '../register.ts';
import { generateSecret, givenSecret } from '../secret-source.ts';
import type { SecretOptions } from '../secret-source.ts';
import { hostView, sessionView } from '../views.ts';

interface CredentialOptions extends SecretOptions, LongOptions {
  readonly chap: boolean;
  readonly user?: string;
  readonly mutualUser?: string;
  readonly mutualSecretFile?: string;
}

interface AddOptions extends CredentialOptions {
  readonly iqn: string;
}

export function addHostCommands(program: Command, terminal: Terminal): void {
  const host = program.command('host').description('hosts that may log in');
  act(host.command('list').alias('ls').description('all hosts'), terminal, (context) =>
    context.show(async () =>
      context.rows(await context.client.get<HostEntry[]>('/hosts'), hostView),
    ),
  );
  const add = host
    .command('add <name>')
    .description('let a host log in; makes a CHAP secret unless one is given or --no-chap')
    .requiredOption('--iqn <iqn>', "the host's initiator name");
  act(longRunning(credentialOptions(add)), terminal, addHost);
  const update = host
    .command('update <name>')
    .description('change initiator name or credentials of a host')
    .option('--iqn <iqn>', "the host's initiator name")
    .option('--new-secret', 'make a new CHAP secret');
  act(longRunning(credentialOptions(update)), terminal, updateHost);
  const remove = host.command('remove <name>').alias('rm').description('forget a host');
  act(longRunning(destructive(remove)), terminal, removeHost);
}

const credentialOptions = (command: Command): Command =>
  command
    .option('--user <name>', 'CHAP name; default: the name of the host')
    .option('--secret-file <file>', 'CHAP secret, first line of a file; also HAWSER_SECRET')
    .option('--secret-stdin', 'CHAP secret, first line of standard input')
    .option('--no-chap', 'let it in by its initiator name alone; status shows it as open')
    .option('--mutual-user <name>', 'CHAP name by which the server proves itself')
    .option('--mutual-secret-file <file>', 'secret for that; also HAWSER_MUTUAL_SECRET');

async function addHost(context: CommandContext, options: AddOptions, name?: string): Promise<void> {
  const given = options.chap ? await givenSecret(options, context.terminal) : undefined;
  const secret = options.chap ? (given ?? generateSecret()) : undefined;
  const user = options.user ?? name!;
  const body = {
    name,
    iqn: options.iqn,
    chap: secret === undefined ? null : { user, secret },
    mutual: await mutualCredentials(context, options),
  };
  const call = { body, wait: context.waiting(options) };
  const added = await context.client.change<HostEntry>('POST', '/hosts', call);
  if (added !== undefined) context.rows([added], hostView);
  if (given === undefined && secret !== undefined) tellSecret(context, user, secret);
}

/** Once, and past the data: a secret is no field of any answer. */
function tellSecret(context: CommandContext, user: string, secret: string): void {
  context.say(`CHAP name ${user}, secret ${secret} (shown once; the host needs it to log in)`);
}

async function mutualCredentials(
  { terminal }: CommandContext,
  { mutualUser, mutualSecretFile }: CredentialOptions,
): Promise<{ user: string; secret: string } | null> {
  const source = mutualSecretFile === undefined ? {} : { secretFile: mutualSecretFile };
  const secret = await givenSecret(source, terminal, 'HAWSER_MUTUAL_SECRET');
  if (mutualUser === undefined && secret === undefined) return null;
  if (mutualUser !== undefined && secret !== undefined) return { user: mutualUser, secret };
  const expected = '--mutual-user and its secret (--mutual-secret-file or HAWSER_MUTUAL_SECRET)';
  throw new Failure('usage', `mutual CHAP: expected both ${expected}`);
}

interface UpdateOptions extends CredentialOptions {
  readonly iqn?: string;
  readonly newSecret?: boolean;
}

async function updateHost(
  context: CommandContext,
  options: UpdateOptions,
  name?: string,
): Promise<void> {
  const path = `/hosts/${part(name!)}`;
  const given = await givenSecret(options, context.terminal);
  const made = options.newSecret === true && given === undefined ? generateSecret() : undefined;
  const secret = given ?? made;
  const user = options.user ?? (await context.client.get<HostEntry>(path)).chapUser ?? name!;
  const mutual = await mutualCredentials(context, options);
  const body = {
    ...(options.iqn !== undefined && { iqn: options.iqn }),
    ...(!options.chap && { chap: null }),
    ...(options.chap && secret !== undefined && { chap: { user, secret } }),
    ...(mutual !== null && { mutual }),
  };
  const call = { body, wait: context.waiting(options) };
  const changed = await context.client.change<HostEntry>('PATCH', path, call);
  if (changed !== undefined) context.rows([changed], hostView);
  if (made !== undefined) tellSecret(context, user, made);
}

async function removeHost(
  context: CommandContext,
  options: LongOptions & { force?: boolean; yes?: boolean },
  name?: string,
): Promise<void> {
  const path = `/hosts/${part(name!)}`;
  const { partitions, sessions } = await context.client.get<HostEntry>(path);
  const uses = [
    ...(partitions.length > 0 ? [`has ${partitions.map((one) => one.name).join(', ')}`] : []),
    ...(sessions > 0 ? [`is connected with ${sessions} session(s)`] : []),
  ].join(' and ');
  if (uses !== '' && options.force !== true) {
    throw new Failure('inUse', `host ${name!} ${uses}; unassign and detach first, or add --force`);
  }
  await context.confirm(`Remove host ${name!}?${uses === '' ? '' : ` It ${uses}.`}`, options.yes);
  const query = options.force === true ? '?force=true' : '';
  const wait = context.waiting(options);
  const done = await context.client.change('DELETE', path + query, { wait });
  if (done !== undefined) context.say(`host ${name!} removed`);
}

export function addSessionCommands(program: Command, terminal: Terminal): void {
  const session = program.command('session').description('who is logged in');
  act(session.command('list').alias('ls').description('all sessions'), terminal, (context) =>
    context.show(async () =>
      context.rows(await context.client.get<SessionEntry[]>('/sessions'), sessionView),
    ),
  );
  const drop = session
    .command('drop <tsih>')
    .description('end a session; its host may log in again');
  act(longRunning(drop), terminal, async (context, options: LongOptions, tsih) => {
    const wait = context.waiting(options);
    const done = await context.client.change('DELETE', `/sessions/${part(tsih!)}`, { wait });
    if (done !== undefined) context.say(`session ${tsih!} dropped`);
  });
}
