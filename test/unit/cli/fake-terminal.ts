/** A terminal that keeps what is printed and answers what it is told to. */
import type { Terminal } from '../../../scripts/cli/context.ts';

export class FakeTerminal implements Terminal {
  stdout = '';
  stderr = '';
  readonly env: Record<string, string | undefined>;
  isInteractive = false;
  /** What is typed at a question. */
  answer = '';
  stdin = '';
  readonly questions: string[] = [];

  constructor(env: Record<string, string | undefined> = {}) {
    this.env = env;
  }

  readonly out = (text: string): void => {
    this.stdout += text;
  };

  readonly err = (text: string): void => {
    this.stderr += text;
  };

  readonly ask = (question: string): Promise<string> => {
    this.questions.push(question);
    return Promise.resolve(this.answer);
  };

  readonly readStdin = (): Promise<string> => Promise.resolve(this.stdin);
}
