/** hawser discover, hawser bench: what a host can see of any iSCSI target */
import type { Command } from 'commander';
import type { BenchResult } from '../../bench/index.ts';
import { roundedSize } from '../../../config/quantity.ts';
import type { Discovery, InitiatorOptions } from '../../../lib/transport/index.ts';
import { Failure } from '../../../lib/base/index.ts';
import { sizeArgument, wholeArgument } from '../arguments.ts';
import type { CommandContext, Terminal } from '../context.ts';
import { renderRows } from '../output.ts';
import type { RowView } from '../output.ts';
import { act } from '../register.ts';
import { givenSecret } from '../secret-source.ts';
import type { SecretOptions } from '../secret-source.ts';

interface ProofOptions extends SecretOptions {
  readonly iqn?: string;
  readonly user?: string;
}

const proofOptions = (command: Command): Command =>
  command
    .option('--iqn <iqn>', 'initiator name to log in with')
    .option('--user <name>', 'CHAP name')
    .option('--secret-file <file>', 'CHAP secret, first line of a file; also HAWSER_SECRET')
    .option('--secret-stdin', 'CHAP secret, first line of standard input');

export function addNetworkCommands(program: Command, terminal: Terminal): void {
  const discover = program
    .command('discover <portal...>')
    .description('targets and portals behind an address, and the partitions assigned to this host');
  act<ProofOptions>(proofOptions(discover), terminal, (context, options) =>
    runDiscover(context, options, discover.args),
  );
  const bench = program
    .command('bench <url>')
    .description('measure a LUN of any iSCSI target: iscsi://[user@]host[:port]/target/lun')
    .option('--op <operation>', 'randread, randwrite, read or write', 'randread')
    .option('--block-size <size>', 'bytes of one I/O', '4KiB')
    .option('--depth <number>', 'I/Os under way on each connection', '32')
    .option('--connections <number>', 'sessions side by side', '1')
    .option('--seconds <number>', 'how long', '5')
    .option('--yes', 'do not ask before writing over what is on the LUN');
  act(proofOptions(bench), terminal, runBench);
}

/** @param known what a URL says already. */
async function initiatorOptions(
  options: ProofOptions,
  terminal: Terminal,
  known: { readonly user: string | null; readonly secret: string | null },
): Promise<InitiatorOptions> {
  const user = options.user ?? known.user;
  const secret = (await givenSecret(options, terminal)) ?? known.secret;
  if (options.user !== undefined && secret === null) {
    const ways = '--secret-file, --secret-stdin or HAWSER_SECRET';
    throw new Failure('usage', `--user ${options.user}: expected its secret by ${ways}`);
  }
  return {
    ...(options.iqn !== undefined && { initiatorName: options.iqn }),
    ...(user !== null && secret !== null && { chap: { user, secret } }),
  };
}

interface DiscoverRow {
  readonly target: string;
  readonly portals: readonly string[];
  /** null: the target is none of ours and tells no partitions. */
  readonly partitions: Discovery['partitions'];
}

async function runDiscover(
  context: CommandContext,
  options: ProofOptions,
  portals: readonly string[],
): Promise<void> {
  const { Initiator } = await import('../../../lib/transport/index.ts');
  const how = await initiatorOptions(options, context.terminal, { user: null, secret: null });
  const rows: DiscoverRow[] = [];
  for (const portal of portals) {
    const { targets, partitions } = await Initiator.discover(portal, how);
    for (const { targetName, portals: found } of targets) {
      rows.push({ target: targetName, portals: found.map(formatAddress), partitions });
    }
  }
  const name = (all: readonly DiscoverRow[]): string => all.map(({ target }) => target).join('\n');
  context.one(rows, { text: discoverText(context), name });
}

const formatAddress = ({ host, port }: { host: string; port: number }): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

const discoverText =
  (context: CommandContext) =>
  (rows: readonly DiscoverRow[]): string =>
    rows
      .map(({ target, portals, partitions }) => {
        const head = `${target}\n  portals ${portals.join(', ')}\n`;
        if (partitions === null) return `${head}  tells no partitions\n`;
        const table = renderRows(partitions, listedView, { ...context.output, form: 'table' });
        return head + table.replaceAll(/^/gm, '  ').trimEnd() + '\n';
      })
      .join('');

type Listed = NonNullable<Discovery['partitions']>[number];

const listedView: RowView<Listed> = {
  name: ({ name }) => name,
  columns: [
    { header: 'PARTITION', text: ({ name }) => name },
    { header: 'LUN', right: true, text: ({ lun }) => String(lun) },
    { header: 'SIZE', right: true, text: ({ sizeBytes }) => roundedSize(sizeBytes) },
    { header: 'BLOCK', right: true, text: ({ blockSizeBytes }) => `${blockSizeBytes}B` },
    { header: 'RIGHTS', text: ({ rights }) => rights },
  ],
};

interface BenchCommandOptions extends ProofOptions {
  readonly op: string;
  readonly blockSize: string;
  readonly depth: string;
  readonly connections: string;
  readonly seconds: string;
  readonly yes?: boolean;
}

async function runBench(
  context: CommandContext,
  options: BenchCommandOptions,
  url?: string,
): Promise<void> {
  const bench = await import('../../bench/index.ts');
  const { parseIscsiUrl } = await import('../../../lib/initiator/index.ts');
  const { op } = options;
  if (!bench.isBenchOp(op)) {
    throw new Failure('usage', `--op ${op}: expected one of ${bench.BENCH_OPS.join(', ')}`);
  }
  const parsed = parseIscsiUrl(url!);
  const initiator = await initiatorOptions(options, context.terminal, parsed);
  if (op.endsWith('write')) {
    const what = `LUN ${parsed.lun} of ${parsed.targetName}`;
    await context.confirm(`Write over what is on ${what}?`, options.yes);
  }
  const result = await bench.runBench({
    url: url!,
    op,
    blockSizeBytes: sizeArgument('--block-size', options.blockSize),
    depth: wholeArgument('--depth', options.depth, 1, 1024),
    connections: wholeArgument('--connections', options.connections, 1, 64),
    seconds: wholeArgument('--seconds', options.seconds, 1, 86_400),
    initiator,
  });
  context.one(withoutSecret(result), { text: benchText, name: ({ op: name }) => name });
  if (result.errors > 0) {
    throw new Failure('unexpected', `${result.errors} error(s), the first: ${result.firstError}`);
  }
}

const withoutSecret = (result: BenchResult): BenchResult => ({
  ...result,
  url: result.url.replace(/%[^@/]*@/, '@'),
});

function benchText(result: BenchResult): string {
  const { p50, p99, max } = result.latencyUs;
  const { blockSizeBytes, op, depth, connections } = result;
  const load = `${roundedSize(blockSizeBytes)} ${op}, depth ${depth}, ${connections} connection(s)`;
  return [
    `${load}, ${result.seconds} s`,
    `${Math.round(result.iops)} IOPS, ${result.mbPerSecond.toFixed(1)} MB/s`,
    `latency p50 ${Math.round(p50)} us, p99 ${Math.round(p99)} us, max ${Math.round(max)} us`,
    `${result.errors} error(s)`,
    '',
  ].join('\n');
}
