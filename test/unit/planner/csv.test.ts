import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { csvLine, reportLine } from '../../../src/planner/csv.ts';

test('a line has the columns of the report in their order, and an empty cell for what is not known', () => {
  const line = reportLine({ path: 'a/b.svs', itemId: '1', state: 'done', resultItemId: '2' });
  assert.is(line, 'a/b.svs,1,done,,,,2\r\n');
});

test('commas, quotes and line ends are quoted as RFC 4180 has it', () => {
  assert.is(
    csvLine(['a,b', 'say "x"', 'two\r\nlines', 'plain']),
    '"a,b","say ""x""","two\r\nlines",plain\r\n',
  );
});

test('a name that a spreadsheet would calculate is a text', () => {
  const names = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'];
  for (const name of names) assert.match(csvLine([name]), /^"?'/);
  assert.is(csvLine(['=HYPERLINK("x")']), `"'=HYPERLINK(""x"")"\r\n`);
});

test('any cells are read as they were written', () => {
  const cell = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !/^[=+\-@\t\r]/.test(text));
  fc.assert(
    fc.property(fc.array(cell, { minLength: 2, maxLength: 5 }), (cells) => {
      assert.equal(
        parse(csvLine(cells)),
        cells.map((text) => text.toWellFormed()),
      );
    }),
  );
});

/** One line of RFC 4180, character by character. */
function parse(line: string): string[] {
  const cells = [''];
  let isQuoted = false;
  for (let index = 0; index < line.length - 2; index += 1) {
    const character = line.charAt(index);
    const last = cells.length - 1;
    if (isQuoted && character === '"' && line.charAt(index + 1) === '"')
      cells[last] += line.charAt((index += 1));
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === ',' && !isQuoted) cells.push('');
    else cells[last] += character;
  }
  return cells;
}

test.run();
