import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProgressLine } from '../../../src/worker/streams/progress-lines.ts';
import { longestElement, SlicerTags } from '../../../src/worker/streams/slicer-tags.ts';

type Read = { readonly log: string; readonly lines: readonly ProgressLine[] };

/** What the log and the progress have of an output that arrives in these pieces. */
function read(...pieces: (string | Buffer)[]): Read {
  const lines: ProgressLine[] = [];
  const tags = new SlicerTags((line) => lines.push(line));
  const log = Buffer.concat([...pieces.map((piece) => tags.write(Buffer.from(piece))), tags.end()]);
  return { log: log.toString('utf8'), lines };
}

const line = (message: string, current: number): ProgressLine => ({ message, current, total: 1 });

test('the progress of a module becomes progress, and its tags leave the log', () => {
  const { log, lines } = read(
    'starting\n<filter-start>\n<filter-name>Smooth</filter-name>\n<filter-comment>\n',
    '</filter-comment>\n</filter-start>\n\nfirst\n',
    '<filter-progress>0.25</filter-progress>\n',
    '<filter-stage-progress>0.5</filter-stage-progress>\n<filter-progress>5e-1</filter-progress>\nmiddle\n',
    '<filter-end>\n<filter-name>Smooth</filter-name>\n<filter-time>3.2</filter-time></filter-end>\n',
    'last\n',
  );
  assert.is(log, 'starting\nfirst\nmiddle\nlast\n');
  assert.equal(lines, [line('Smooth', 0.25), line('Smooth', 0.5)]);
});

test('of a piece of output the last progress counts, with the last comment, else the last name', () => {
  const progress = (value: string) => `<filter-progress>${value}</filter-progress>`;
  assert.equal(read(progress('0.1')).lines, [line('Unknown', 0.1)]);
  assert.equal(read(`${progress('0.1')}${progress('0.2')}<filter-name>a</filter-name>`).lines, [
    line('a', 0.2),
  ]);
  const comments = '<filter-comment> x </filter-comment><filter-comment> y </filter-comment>';
  assert.equal(read(`<filter-name>a</filter-name>${comments}`, progress(' 1 ')).lines, [line('y', 1)]);
});

test('entities of XML are decoded once, and text is UTF-8', () => {
  const comment = '<filter-comment>a &lt; b &amp;lt; größer &bogus;</filter-comment>';
  assert.equal(read(`${comment}<filter-progress>0</filter-progress>`).lines, [
    line('a < b &lt; größer &bogus;', 0),
  ]);
});

test('what is not a number is no progress', () => {
  for (const value of ['', ' ', 'x', '1 2', 'NaN', 'Infinity', '0,5'])
    assert.equal(read(`<filter-progress>${value}</filter-progress>`), { log: '', lines: [] });
});

test('other tags, broken elements and single brackets stay in the log', () => {
  const texts = [
    'a < b\n',
    '<filter-x>1</filter-x>',
    '<filter-progress>0.5',
    '<filter-progress>0.5<b>1</b></filter-progress>',
    '</filter-progress>',
    '<filter-name><filter-time>',
    '<<filter-',
    '<filter-start><filter-end></filter-name>',
  ];
  for (const text of texts) assert.equal(read(text), { log: text, lines: [] });
  const broken = '<filter-comment>a<filter-progress>0.5</filter-progress>b';
  assert.equal(read(broken), { log: '<filter-comment>ab', lines: [line('Unknown', 0.5)] });
});

test('text is passed on at once, but an opening tag waits for its end', () => {
  const tags = new SlicerTags(() => undefined);
  const write = (text: string) => tags.write(Buffer.from(text)).toString('utf8');
  assert.equal(
    ['a < 1 ', 'b <filter-', 'progress>0.', '5</filter-progress', '>\n', ' \t', 'c', '<'].map(write),
    ['a < 1 ', 'b ', '', '', '', '', 'c', ''],
  );
  assert.is(tags.end().toString('utf8'), '<');
});

test('the log is the same wherever the output is cut, and every byte outside of the elements is kept', () => {
  const part = fc.oneof(
    fc.constantFrom('<filter-progress>', '</filter-progress>', '<filter-start>', '</filter-start>'),
    fc.constantFrom('<filter-comment>', '</filter-comment>', '<filter-end>', '</filter-end>', '0.5'),
    fc.constantFrom('<', '</', '\n', ' ', 'x', 'ü', '<filter-'),
  );
  fc.assert(
    fc.property(fc.array(part), fc.array(fc.nat(80)), (parts, cuts) => {
      const bytes = Buffer.concat([Buffer.from(parts.join('')), Buffer.from([0xff, 0x80])]);
      const places = [...new Set(cuts)].filter((cut) => cut < bytes.length).toSorted((a, b) => a - b);
      const pieces = [0, ...places].map((from, index) => bytes.subarray(from, places[index]));
      assert.is(read(...pieces).log, read(bytes).log);
    }),
  );
  assert.equal(read(Buffer.from([0xff, 0x3c, 0x80])).log, Buffer.from([0xff, 0x3c, 0x80]).toString('utf8'));
});

test('an element that does not end within 64 KiB stays in the log, and the next one counts', () => {
  for (const opening of ['<filter-start>', '<filter-comment>']) {
    const tags = new SlicerTags(() => undefined);
    let held = opening.length;
    let passed = tags.write(Buffer.from(opening)).length;
    while (passed === 0) {
      held += 100;
      assert.ok(held <= longestElement + 100, 'it holds more than its bound');
      passed += tags.write(Buffer.alloc(100, 'x')).length;
    }
    assert.is(passed, held);
  }
  const { log, lines } = read(
    `<filter-start>${'x'.repeat(longestElement)}<filter-progress>1</filter-progress>`,
  );
  assert.is(log.length, '<filter-start>'.length + longestElement);
  assert.equal(lines, [line('Unknown', 1)]);
});

test('a hostile output takes time in proportion to its length', () => {
  const timeOf = (text: string, pieceLength: number) => {
    const tags = new SlicerTags(() => undefined);
    const bytes = Buffer.from(text);
    const start = performance.now();
    for (let at = 0; at < bytes.length; at += pieceLength) tags.write(bytes.subarray(at, at + pieceLength));
    tags.end();
    return performance.now() - start;
  };
  for (const unit of ['<filter-start>', '<filter-progress>', '<', '<filter-start>x</filter-end>', ' ']) {
    const short = unit.repeat(Math.ceil(20_000 / unit.length));
    for (const pieceLength of [1, 64 * 1024]) {
      timeOf(short, pieceLength);
      const [one, four] = [timeOf(short, pieceLength), timeOf(short.repeat(4), pieceLength)];
      assert.ok(four < 20 * one + 500, `${unit} in pieces of ${pieceLength}: ${one} ms, then ${four} ms`);
    }
  }
});

test.run();
