/**
 * A configuration schema as data: leaves that convict checks, and the sections, maps and lists they
 * stand in.
 */
import convict from 'convict';
import type { Schema } from 'convict';
import { formats, NAME_EXPECTED, NAME_PATTERN } from './formats.ts';
import type { FormatName, LeafOptions } from './formats.ts';
import { showValue } from './problem.ts';
import type { ConfigProblem } from './problem.ts';
import type { ConfigDocument, KeyPath } from './document.ts';

export interface Leaf {
  readonly kind: 'leaf';
  readonly format: FormatName;
  readonly options: LeafOptions;
}
export interface Section {
  readonly kind: 'section';
  readonly doc: string;
  readonly fields: Fields;
  readonly optional: boolean;
  /** What stands in its place by mistake may be a secret: it is never shown. */
  readonly sensitive: boolean;
}
export interface MapOf {
  readonly kind: 'map';
  readonly doc: string;
  readonly of: Leaf | Section;
  readonly keyExpected: string;
  readonly keyAccepts: (key: string) => boolean;
}
export interface ListOf {
  readonly kind: 'list';
  readonly doc: string;
  readonly of: Section;
}
export type Field = Leaf | Section | MapOf | ListOf;
export type Fields = Readonly<Record<string, Field>>;
export type Values = Record<string, unknown>;

export const leaf = (format: FormatName, options: LeafOptions): Leaf => ({
  kind: 'leaf',
  format,
  options,
});
export const section = (doc: string, fields: Fields): Section => ({
  kind: 'section',
  doc,
  fields,
  optional: false,
  sensitive: false,
});
/** A section whose absence means something: it reads as undefined. */
export const optionalSection = (doc: string, fields: Fields): Section => ({
  ...section(doc, fields),
  optional: true,
});
export const sensitiveSection = (doc: string, fields: Fields): Section => ({
  ...optionalSection(doc, fields),
  sensitive: true,
});
export const listOf = (doc: string, of: Section): ListOf => ({ kind: 'list', doc, of });
export const mapByName = (doc: string, of: Leaf | Section, extraKey?: string): MapOf => ({
  kind: 'map',
  doc,
  of,
  keyExpected: extraKey === undefined ? NAME_EXPECTED : `${NAME_EXPECTED}, or "${extraKey}"`,
  keyAccepts: (key) => key === extraKey || NAME_PATTERN.test(key),
});

/** Reads a document by a schema: defaults filled in, everything wrong reported, nothing thrown. */
export class FieldReader {
  readonly problems: ConfigProblem[];
  readonly #document: ConfigDocument;

  constructor(document: ConfigDocument) {
    this.#document = document;
    this.problems = [...document.problems];
  }

  report(path: KeyPath, expected: string, found: string): void {
    this.problems.push(this.#document.problem(path, expected, found));
  }

  section(fields: Fields, raw: unknown, path: KeyPath, sensitive = false): Values {
    const given = this.#mapping(raw, path, sensitive);
    this.#refuseUnknown(fields, given, path);
    const values = this.#leaves(fields, given, path);
    for (const [key, field] of Object.entries(fields)) {
      if (field.kind !== 'leaf') values[key] = this.#child(field, given[key], [...path, key]);
    }
    return values;
  }

  #child(field: Section | MapOf | ListOf, raw: unknown, path: KeyPath): unknown {
    const absent = raw === undefined || raw === null;
    if (field.kind === 'section') {
      if (absent && field.optional) return undefined;
      return this.section(field.fields, raw, path, field.sensitive);
    }
    if (field.kind === 'map') return this.#map(field, raw, path);
    if (absent) return [];
    if (!Array.isArray(raw)) {
      this.report(path, 'a list', showValue(raw));
      return [];
    }
    return raw.map((item, index) => this.section(field.of.fields, item, [...path, index]));
  }

  #map(field: MapOf, raw: unknown, path: KeyPath): Values {
    const result: Values = {};
    for (const [key, item] of Object.entries(this.#mapping(raw, path))) {
      const keyPath = [...path, key];
      if (!field.keyAccepts(key)) this.report(keyPath, field.keyExpected, showValue(key));
      else if (field.of.kind === 'section')
        result[key] = this.section(field.of.fields, item, keyPath);
      else result[key] = this.#leaves({ value: field.of }, { value: item }, path, key)['value'];
    }
    return result;
  }

  #mapping(raw: unknown, path: KeyPath, sensitive = false): Values {
    if (raw === undefined || raw === null) return {};
    if (isMapping(raw)) return raw as Values;
    const found = sensitive ? 'something else' : showValue(raw);
    this.report(path, 'a mapping of keys to values', found);
    return {};
  }

  #refuseUnknown(fields: Fields, given: Values, path: KeyPath): void {
    for (const key of Object.keys(given)) {
      if (Object.hasOwn(fields, key)) continue;
      const known = Object.keys(fields).join(', ');
      this.report([...path, key], `a known key (${known})`, 'an unknown one');
    }
  }

  /** @param mapKey the leaf is the value of this key of a map, not of a key of its own. */
  #leaves(fields: Fields, given: Values, path: KeyPath, mapKey?: string): Values {
    const schema: Record<string, unknown> = {};
    const load: Values = {};
    for (const [key, field] of Object.entries(fields)) {
      if (field.kind !== 'leaf') continue;
      const leafPath = [...path, mapKey ?? key];
      const row = this.#convictRow(field, leafPath);
      if (isMapping(given[key])) {
        row.report(formats[field.format].expected(field.options), given[key]);
        continue;
      }
      schema[key] = row;
      if (given[key] !== undefined) load[key] = this.#typed(field, given[key], leafPath);
    }
    const settings = convict(schema as Schema<Values>, { env: {}, args: [] });
    return settings.load(load).validate({ allowed: 'strict' }).getProperties();
  }

  #convictRow(field: Leaf, path: KeyPath) {
    const { options } = field;
    return {
      ...options,
      format: field.format,
      // without a default of its own the key is required: null fits no format
      default: 'default' in options ? options.default : null,
      report: (expected: string, value: unknown) =>
        this.report(path, expected, options.sensitive ? 'something else' : showFound(value)),
    };
  }

  /**
   * The environment holds only text; a number or switch that came from there is one nevertheless.
   */
  #typed(field: Leaf, value: unknown, path: KeyPath): unknown {
    if (typeof value !== 'string' || !this.#document.isFromEnvironment(path)) return value;
    if (formats[field.format] === formats.switch) {
      return value === 'true' ? true : value === 'false' ? false : value;
    }
    const numeric = field.format === 'whole' || field.format === 'choice';
    return numeric && /^\d+$/.test(value) ? Number(value) : value;
  }
}

/** Convict would take a mapping apart; no leaf is one. */
const isMapping = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const showFound = (value: unknown): string => (value === null ? 'nothing' : showValue(value));
