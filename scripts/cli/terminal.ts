/** The process' own terminal. */
import { createInterface } from 'node:readline/promises';
import { ExitCode } from '../../lib/base/index.ts';
import type { Terminal } from './context.ts';

export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  env: process.env,
  isInteractive: process.stdin.isTTY === true && process.stderr.isTTY === true,
  async ask(question) {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    lines.on('SIGINT', () => process.exit(ExitCode.interrupted));
    try {
      return await lines.question(question);
    } finally {
      lines.close();
    }
  },
  async readStdin() {
    let text = '';
    process.stdin.setEncoding('utf8');
    for await (const chunk of process.stdin) text += chunk as string;
    return text;
  },
};
