/** How commands print: stdout is data, in the form that was asked for. */
import { stringify } from 'yaml';
import { Failure } from '../../lib/base/index.ts';

export const OUTPUT_FORMS = ['table', 'wide', 'json', 'yaml', 'name'] as const;
export type OutputForm = (typeof OUTPUT_FORMS)[number];

export interface OutputOptions {
  readonly form: OutputForm;
  readonly headers: boolean;
}

export interface Column<Row> {
  readonly header: string;
  /** Only with `-o wide`. */
  readonly wide?: boolean;
  readonly right?: boolean;
  readonly text: (row: Row) => string;
}

/** How rows of one kind are shown. */
export interface RowView<Row> {
  readonly columns: readonly Column<Row>[];
  readonly name: (row: Row) => string;
}

export function outputForm(text: string): OutputForm {
  const form = OUTPUT_FORMS.find((candidate) => candidate === text);
  if (form !== undefined) return form;
  throw new Failure('usage', `-o ${text}: expected one of ${OUTPUT_FORMS.join(', ')}`);
}

/** Rows in the form that was asked for, with a line break at the end of each line. */
export function renderRows<Row>(
  rows: readonly Row[],
  view: RowView<Row>,
  { form, headers }: OutputOptions,
): string {
  if (form === 'json' || form === 'yaml') return renderData(rows, form);
  if (form === 'name') return rows.map((row) => `${view.name(row)}\n`).join('');
  const columns = view.columns.filter(({ wide }) => form === 'wide' || wide !== true);
  return renderTable(rows, columns, headers);
}

/** One thing: data as it is, or the text that stands for it. */
export function renderOne<T>(
  value: T,
  { form }: OutputOptions,
  show: { readonly text: (value: T, wide: boolean) => string; readonly name: (value: T) => string },
): string {
  if (form === 'json' || form === 'yaml') return renderData(value, form);
  return form === 'name' ? `${show.name(value)}\n` : show.text(value, form === 'wide');
}

export function renderData(value: unknown, form: 'json' | 'yaml'): string {
  return form === 'json'
    ? `${JSON.stringify(value, null, 2)}\n`
    : stringify(value, { lineWidth: 0 });
}

function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  headers: boolean,
): string {
  const lines = rows.map((row) => columns.map(({ text }) => printable(text(row))));
  if (headers) lines.unshift(columns.map(({ header }) => header));
  const widths = columns.map((_, index) =>
    Math.max(0, ...lines.map((line) => line[index]!.length)),
  );
  const padded = lines.map((line) =>
    line
      .map((cell, index) =>
        columns[index]!.right ? cell.padStart(widths[index]!) : cell.padEnd(widths[index]!),
      )
      .join('  ')
      .trimEnd(),
  );
  return padded.map((line) => `${line}\n`).join('');
}

/** Names come from other machines too: nothing that moves a terminal's cursor gets through. */
export const printable = (text: string): string =>
  text === '' ? '-' : text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
