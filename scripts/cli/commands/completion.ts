/**
 * hawser completion: scripts for shells, and the hidden command that answers them from the command
 * tree.
 */
import type { Command } from 'commander';
import { Failure } from '../../../lib/base/index.ts';
import type { CommandContext, Terminal } from '../context.ts';
import { act } from '../register.ts';

/** A shell waits no longer than this for names from the service. */
const NAMES_MS_MAX = 200;

const scripts: Readonly<Record<string, string>> = {
  bash: `_hawser() {
  local IFS=$'\\n'
  COMPREPLY=($(hawser __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _hawser hawser
`,
  zsh: `#compdef hawser
_hawser() {
  local -a candidates
  candidates=("\${(@f)$(hawser __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a candidates
}
compdef _hawser hawser
`,
  fish: `function __hawser_complete
    set -l words (commandline -opc) (commandline -ct)
    hawser __complete -- $words[2..-1] 2>/dev/null
end
complete -c hawser -f -a '(__hawser_complete)'
`,
};

export function addCompletionCommands(program: Command, terminal: Terminal): void {
  program
    .command('completion <shell>')
    .description('completion for bash, zsh or fish: eval "$(hawser completion bash)"')
    .action((shell: string) => {
      const script = scripts[shell];
      if (script === undefined) {
        throw new Failure('usage', `completion ${shell}: expected one of bash, zsh, fish`);
      }
      terminal.out(script);
    });
  const answer = program.command('__complete [words...]', { hidden: true });
  act<object>(answer, terminal, async (context) => {
    const candidates = await complete(program, answer.args, context);
    terminal.out(candidates.map((candidate) => `${candidate}\n`).join(''));
  });
}

/** @param words what stands behind `hawser`, the last one unfinished. */
export async function complete(
  program: Command,
  words: readonly string[],
  context: CommandContext,
): Promise<string[]> {
  const begun = words.at(-1) ?? '';
  const { command, argumentCount } = walk(program, words.slice(0, -1));
  const candidates = begun.startsWith('-')
    ? optionsOf(program, command)
    : [...subcommands(command), ...(await names(command, argumentCount, context))];
  return candidates.filter((candidate) => candidate.startsWith(begun)).sort();
}

function walk(
  program: Command,
  words: readonly string[],
): { command: Command; argumentCount: number } {
  let command = program;
  let argumentCount = 0;
  for (const word of words) {
    const next = command.commands.find(
      (candidate) => candidate.name() === word || candidate.aliases().includes(word),
    );
    if (next !== undefined) command = next;
    else if (!word.startsWith('-')) argumentCount++;
  }
  return { command, argumentCount };
}

const optionsOf = (program: Command, command: Command): string[] =>
  [...program.options, ...command.options].flatMap(({ long }) => long ?? []);

const subcommands = (command: Command): string[] =>
  command
    .createHelp()
    .visibleCommands(command)
    .map((sub) => sub.name());

/** Which names an argument of a command can be. */
const nameSources: Readonly<Record<string, readonly string[]>> = {
  'partition resize': ['/partitions'],
  'partition rename': ['/partitions'],
  'partition delete': ['/partitions'],
  'partition assign': ['/partitions', '/hosts'],
  'partition unassign': ['/partitions', '/hosts'],
  'host remove': ['/hosts'],
  'host update': ['/hosts'],
  'session drop': ['/sessions'],
  'task watch': ['/tasks'],
  'task cancel': ['/tasks'],
};

/** What things are called: partitions and hosts, tasks, sessions. */
interface Named {
  readonly name?: string;
  readonly id?: string;
  readonly tsih?: number;
}

async function names(
  command: Command,
  argumentCount: number,
  { client }: CommandContext,
): Promise<string[]> {
  const path = nameSources[`${command.parent?.name() ?? ''} ${command.name()}`]?.[argumentCount];
  if (path === undefined) return [];
  const late = new Promise<Named[]>((resolve) => {
    setTimeout(() => resolve([]), NAMES_MS_MAX).unref();
  });
  const asked = client.get<Named[]>(path).catch(() => []);
  return (await Promise.race([asked, late])).map(
    ({ name, id, tsih }) => name ?? id ?? String(tsih),
  );
}
