/** hawser status, array, doctor, top, openapi */
import type { Command } from 'commander';
import { roundedSize } from '../../../config/quantity.ts';
import type {
  ArrayEntry,
  FindingEntry,
  SessionEntry,
  StatusEntry,
} from '../../../lib/admin/index.ts';
import { Failure } from '../../../lib/base/index.ts';
import type { CommandContext, LongOptions, Terminal } from '../context.ts';
import { printable } from '../output.ts';
import { renderRows } from '../output.ts';
import { act, longRunning } from '../register.ts';
import { findingView, memberView } from '../views.ts';

export function addServerCommands(program: Command, terminal: Terminal): void {
  const status = program.command('status').description('the storage server at a glance');
  act(status, terminal, (context) =>
    context.show(async () => {
      const entry = await context.client.get<StatusEntry>('/status');
      context.one(entry, { text: statusText, name: ({ iqn }) => iqn });
    }),
  );
  const doctor = program
    .command('doctor')
    .description('what is not as it should be, each with a line that mends it; exits 1 on errors');
  act(doctor, terminal, runDoctor);
  const top = program.command('top').description('what sessions do, second by second');
  act(top, terminal, runTop);
  const openapi = program.command('openapi').description('the OpenAPI document of the service');
  act(openapi, terminal, async (context) => {
    const document = await context.client.get('/openapi.json');
    terminal.out(`${JSON.stringify(document, null, 2)}\n`);
  });
  addArrayCommands(program, terminal);
}

function statusText(status: StatusEntry, wide: boolean): string {
  const { array } = status;
  const portals = status.portals.map(({ address, advertise }) =>
    advertise === null ? address : `${address} (told to hosts: ${advertise})`,
  );
  const usedBytes = array.capacityBytes - array.freeBytes;
  const used = `${roundedSize(usedBytes)} of ${roundedSize(array.capacityBytes)} used`;
  const lines: [string, string][] = [
    ['target', status.iqn],
    ['state', status.serving ? 'serving' : 'not serving'],
    ['portals', portals.join(', ')],
    ['array', `${array.state}, ${array.layout}, ${array.members.length} disk(s), ${used}`],
    ['hosts', countText(status.hosts, status.openHosts)],
    ['partitions', countText(status.partitions, status.openPartitions)],
    ['sessions', String(status.sessions)],
    ['since', status.startedAt],
  ];
  if (array.detail !== '') lines.splice(4, 0, ['', array.detail]);
  if (wide) {
    lines.push(['version', status.version], ['pid', String(status.pid)]);
    lines.push(['I/O engine', status.ioEngine], ['server', status.serverUuid]);
    lines.push(['incarnation', String(status.incarnation)]);
  }
  for (const [index, text] of status.attention.entries()) {
    lines.push([index === 0 ? 'attention' : '', text]);
  }
  return lines.map(([key, text]) => `${key.padEnd(11)} ${printable(text)}\n`).join('');
}

const countText = (count: number, open: readonly string[]): string =>
  open.length === 0 ? String(count) : `${count}, open: ${open.join(', ')}`;

async function runDoctor(context: CommandContext): Promise<void> {
  let findings: readonly FindingEntry[] = [];
  await context.show(async () => {
    findings = await context.client.get<readonly FindingEntry[]>('/doctor');
    context.rows(findings, findingView);
  });
  const errors = findings.filter(({ level }) => level === 'error').length;
  if (errors > 0) throw new Failure('unexpected', `${errors} finding(s) need to be mended`);
}

interface TopRow {
  readonly host: string;
  readonly tsih: number;
  readonly commands: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly outstanding: number;
}

const TOP_MS = 1000;

/** Two samples a second apart; with --watch or on a terminal again and again. */
async function runTop(context: CommandContext): Promise<void> {
  const repeat = context.watching || context.terminal.isInteractive;
  let before = await sample(context);
  do {
    await new Promise((resolve) => setTimeout(resolve, TOP_MS));
    const now = await sample(context);
    if (context.terminal.isInteractive) context.terminal.out('\u001b[H\u001b[2J');
    context.terminal.out(renderRows(rates(before, now), topView, context.output));
    before = now;
  } while (repeat);
}

type Sample = ReadonlyMap<number, SessionEntry>;

async function sample(context: CommandContext): Promise<Sample> {
  const sessions = await context.client.get<readonly SessionEntry[]>('/sessions');
  return new Map(sessions.map((session) => [session.tsih, session]));
}

function rates(before: Sample, now: Sample): TopRow[] {
  const rows = [...now.values()].map((session) => {
    const earlier = before.get(session.tsih);
    return {
      host: session.host,
      tsih: session.tsih,
      commands: session.commands - (earlier?.commands ?? 0),
      readBytes: session.dataInBytes - (earlier?.dataInBytes ?? 0),
      writtenBytes: session.dataOutBytes - (earlier?.dataOutBytes ?? 0),
      outstanding: session.outstandingCommands,
    };
  });
  return rows.sort((left, right) => right.commands - left.commands);
}

const topView = {
  name: ({ tsih }: TopRow) => String(tsih),
  columns: [
    { header: 'HOST', text: ({ host }: TopRow) => host },
    { header: 'TSIH', right: true, text: ({ tsih }: TopRow) => String(tsih) },
    { header: 'IO/s', right: true, text: ({ commands }: TopRow) => String(commands) },
    { header: 'READ/s', right: true, text: ({ readBytes }: TopRow) => roundedSize(readBytes) },
    {
      header: 'WRITE/s',
      right: true,
      text: ({ writtenBytes }: TopRow) => roundedSize(writtenBytes),
    },
    { header: 'QUEUED', right: true, text: ({ outstanding }: TopRow) => String(outstanding) },
  ],
} as const;

function addArrayCommands(program: Command, terminal: Terminal): void {
  const array = program.command('array').description('the disk array');
  act(array.command('status').description('layout, space and disks'), terminal, (context) =>
    context.show(async () => {
      const entry = await context.client.get<ArrayEntry>('/array');
      context.one(entry, {
        text: (value) => arrayText(value, context),
        name: ({ uuid }) => uuid ?? '',
      });
    }),
  );
  const imported = array
    .command('import <uuid>')
    .description("take over another server's array; its assignments wait for --confirm")
    .option('--confirm', 'let the assignments that came with it give access again');
  act(
    longRunning(imported),
    terminal,
    async (context, options: LongOptions & { confirm?: boolean }, uuid) => {
      const body = { uuid, confirm: options.confirm === true };
      const call = { body, wait: context.waiting(options) };
      const entry = await context.client.change<ArrayEntry>('POST', '/array/import', call);
      if (entry === undefined) return;
      context.one(entry, { text: (value) => arrayText(value, context), name: () => uuid! });
    },
  );
}

function arrayText(array: ArrayEntry, context: CommandContext): string {
  const layout = `${array.layout}, chunk ${roundedSize(array.chunkBytes)}`;
  const space = `${roundedSize(array.freeBytes)} of ${roundedSize(array.capacityBytes)} free`;
  const head = [
    `array ${array.uuid ?? '-'}: ${array.state}, ${layout}, ${space}`,
    ...(array.volatile ? ['volatile: everything is gone when the server stops'] : []),
    ...(array.detail === '' ? [] : [printable(array.detail)]),
  ];
  const members = renderRows(array.members, memberView, context.output);
  return `${head.join('\n')}\n${array.members.length === 0 ? '' : members}`;
}
