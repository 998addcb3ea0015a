/** A YAML file with the line of every key, and `${NAME}` replaced from the environment. */
import { isCollection, isMap, isNode, isPair, LineCounter, parseDocument } from 'yaml';
import type { Document } from 'yaml';
import type { ConfigProblem } from './problem.ts';

export type KeyPath = readonly (string | number)[];
export type Environment = Readonly<Record<string, string | undefined>>;

/** `array.disks[1].size` */
export const keyText = (path: KeyPath): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`,
    '',
  ) || '(top)';

export class ConfigDocument {
  readonly file: string;
  /** Plain objects, arrays and scalars; undefined where the YAML itself is broken. */
  readonly value: unknown;
  /** What was found wrong with the text itself. */
  readonly problems: ConfigProblem[] = [];
  readonly #document: Document;
  readonly #lines = new LineCounter();
  readonly #fromEnvironment = new Set<string>();

  constructor(file: string, text: string, environment: Environment) {
    this.file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    for (const error of this.#document.errors) {
      const { line } = this.#lines.linePos(error.pos[0]);
      const found = error.message.split('\n')[0]!;
      this.problems.push({ file, line, key: '(YAML)', expected: 'valid YAML 1.2', found });
    }
    if (this.problems.length === 0) {
      this.value = this.#substitute(this.#toPlain(), [], environment);
    }
  }

  #toPlain(): unknown {
    return this.#document.toJS({ maxAliasCount: 100 }) ?? {};
  }

  /** Line of a key's value; for a key that isn't there, of what should hold it. */
  line(path: KeyPath): number {
    for (let depth = path.length; depth > 0; depth--) {
      const offset = this.#offset(path.slice(0, depth));
      if (offset !== undefined) return this.#lines.linePos(offset).line;
    }
    return 1;
  }

  #offset(path: KeyPath): number | undefined {
    const parent =
      path.length === 1 ? this.#document.contents : this.#document.getIn(path.slice(0, -1), true);
    const last = path.at(-1);
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isPair(item) && keyName(item.key) === String(last));
      return isNode(pair?.key) ? pair.key.range?.[0] : undefined;
    }
    if (!isCollection(parent)) return undefined;
    const item = parent.items[last as number];
    return isNode(item) ? item.range?.[0] : undefined;
  }

  /** True: the value came whole from the environment, where there are only strings. */
  isFromEnvironment(path: KeyPath): boolean {
    return this.#fromEnvironment.has(keyText(path));
  }

  problem(path: KeyPath, expected: string, found: string): ConfigProblem {
    return { file: this.file, line: this.line(path), key: keyText(path), expected, found };
  }

  #substitute(value: unknown, path: KeyPath, environment: Environment): unknown {
    if (typeof value === 'string') return this.#expand(value, path, environment);
    if (Array.isArray(value)) {
      return value.map((item, index) => this.#substitute(item, [...path, index], environment));
    }
    if (typeof value !== 'object' || value === null) return value;
    // no prototype: a key `__proto__` is a key like any other, and unknown
    const result: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [key, item] of Object.entries(value)) {
      result[key] = this.#substitute(item, [...path, key], environment);
    }
    return result;
  }

  #expand(text: string, path: KeyPath, environment: Environment): string {
    return text.replaceAll(
      /\$(\$)?\{([^}]*)\}/g,
      (whole, escaped: string | undefined, name: string) => {
        if (escaped !== undefined) return whole.slice(1);
        const value = environment[name];
        if (value === undefined) {
          const expected = `environment variable ${name} to be set`;
          this.problems.push(this.problem(path, expected, 'none of that name'));
          return '';
        }
        if (whole === text) this.#fromEnvironment.add(keyText(path));
        return value;
      },
    );
  }
}

function keyName(key: unknown): string {
  return String(isNode(key) ? (key.toJSON() as unknown) : key);
}
