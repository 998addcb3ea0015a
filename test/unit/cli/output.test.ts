import { expect } from 'chai';
import { parse } from 'yaml';
import { printable, renderOne, renderRows } from '../../../scripts/cli/output.ts';
import type { OutputForm, RowView } from '../../../scripts/cli/output.ts';

interface Row {
  readonly name: string;
  readonly size: number;
}

const view: RowView<Row> = {
  name: ({ name }) => name,
  columns: [
    { header: 'NAME', text: ({ name }) => name },
    { header: 'SIZE', right: true, text: ({ size }) => String(size) },
    { header: 'TWICE', wide: true, text: ({ size }) => String(2 * size) },
  ],
};
const rows: readonly Row[] = [
  { name: 'data1', size: 5 },
  { name: 'b', size: 1000 },
];
const render = (form: OutputForm, headers = true, given = rows): string =>
  renderRows(given, view, { form, headers });

describe('output of commands', () => {
  it('is a table with a headline', () => {
    expect(render('table')).to.equal('NAME   SIZE\ndata1     5\nb      1000\n');
  });

  it('has no headline with --no-headers', () => {
    expect(render('table', false)).to.equal('data1     5\nb      1000\n');
  });

  it('has more columns when wide', () => {
    expect(render('wide').split('\n')[0]).to.equal('NAME   SIZE  TWICE');
  });

  it('is data as JSON and YAML', () => {
    expect(JSON.parse(render('json'))).to.deep.equal(rows);
    expect(parse(render('yaml'))).to.deep.equal(rows);
  });

  it('is one name a line', () => {
    expect(render('name')).to.equal('data1\nb\n');
  });

  it('is [] where there is nothing, as JSON', () => {
    expect(JSON.parse(render('json', true, []))).to.deep.equal([]);
  });

  it('is only the headline where there is nothing, as a table', () => {
    expect(render('table', true, [])).to.equal('NAME  SIZE\n');
  });

  it('shows one thing as text, as data or by its name', () => {
    const show = { text: () => 'text\n', name: ({ name }: Row) => name };
    const one = (form: OutputForm): string => renderOne(rows[0]!, { form, headers: true }, show);
    expect(one('table')).to.equal('text\n');
    expect(JSON.parse(one('json'))).to.deep.equal(rows[0]);
    expect(one('name')).to.equal('data1\n');
  });

  it('lets nothing through that moves a cursor', () => {
    expect(printable('web1\u001b[2J\r\n')).to.equal('web1?[2J??');
    expect(printable('')).to.equal('-');
  });
});
