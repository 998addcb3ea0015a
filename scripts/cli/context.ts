/** What every command has at hand: the options that all take, the client, and where to print. */
import { Failure } from '../../lib/base/index.ts';
import { DURATION_EXPECTED, parseDuration } from '../../config/quantity.ts';
import { ApiClient, DEFAULT_ADMIN } from './api-client.ts';
import type { WaitOptions } from './api-client.ts';
import { outputForm, renderOne, renderRows } from './output.ts';
import type { OutputOptions, RowView } from './output.ts';

/** Options of the program itself, as commander names them. */
export interface GlobalOptions {
  readonly admin?: string;
  readonly output: string;
  readonly json?: boolean;
  readonly headers: boolean;
  readonly watch?: boolean;
}

/** Options of commands whose change may take long. */
export interface LongOptions {
  readonly wait?: boolean;
  readonly timeout?: string;
}

export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isInteractive: boolean;
  /** Asks on the terminal; only where it is interactive. */
  readonly ask: (question: string) => Promise<string>;
  readonly readStdin: () => Promise<string>;
}

/** @throws Failure `usage` where it is given and no duration. */
export function durationOption(name: string, text: string | undefined): number | undefined {
  const ms = text === undefined ? undefined : parseDuration(text);
  if (text === undefined || ms !== undefined) return ms;
  throw new Failure('usage', `${name} ${text}: expected ${DURATION_EXPECTED}`);
}

const WATCH_MS = 2000;
const CLEAR_SCREEN = '\u001b[H\u001b[2J';

export class CommandContext {
  readonly terminal: Terminal;
  readonly output: OutputOptions;
  readonly client: ApiClient;
  readonly watching: boolean;

  /** @param defaultAdmin the service to ask where nothing else says which. */
  constructor(terminal: Terminal, options: GlobalOptions, defaultAdmin = DEFAULT_ADMIN) {
    this.terminal = terminal;
    this.output = {
      form: options.json === true ? 'json' : outputForm(options.output),
      headers: options.headers,
    };
    this.client = new ApiClient({
      admin: options.admin ?? terminal.env['HAWSER_ADMIN'] ?? defaultAdmin,
      token: terminal.env['HAWSER_TOKEN'],
    });
    this.watching = options.watch === true;
  }

  /** Talk: progress, advice, what was done. */
  say(text: string): void {
    this.terminal.err(`${text}\n`);
  }

  rows<Row>(rows: readonly Row[], view: RowView<Row>): void {
    this.terminal.out(renderRows(rows, view, this.output));
  }

  one<T>(
    value: T,
    show: {
      readonly text: (value: T, wide: boolean) => string;
      readonly name: (value: T) => string;
    },
  ): void {
    this.terminal.out(renderOne(value, this.output, show));
  }

  /** Shows once, or again and again with --watch, until interrupted. */
  async show(once: () => Promise<void>): Promise<void> {
    await once();
    while (this.watching) {
      await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
      if (this.terminal.isInteractive) this.terminal.out(CLEAR_SCREEN);
      await once();
    }
  }

  waiting(options: LongOptions): WaitOptions {
    const wait = options.wait !== false;
    const timeoutMs = durationOption('--timeout', options.timeout);
    const onTask = (id: string, title: string): void =>
      this.say(
        wait
          ? `task ${id}: ${title} …`
          : `task ${id}: ${title} goes on; see its end with: ${this.client.watchCommand(id)}`,
      );
    return { wait, timeoutMs, onTask };
  }

  /** @throws Failure unless the operator agrees, with --yes or on the terminal. */
  async confirm(question: string, yes: boolean | undefined): Promise<void> {
    if (yes === true) return;
    if (!this.terminal.isInteractive) {
      throw new Failure('usage', `${question} There is no terminal to ask on: add --yes.`);
    }
    const answer = await this.terminal.ask(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim()))
      throw new Failure('notAllowed', 'not confirmed; nothing was done');
  }
}
