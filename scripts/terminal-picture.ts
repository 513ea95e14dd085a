import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type StyledText, TerminalScreen } from './terminal-screen.ts';

/**
 * Makes the pictures of commands in the pages: runs a command on a terminal, and draws what is on its screen when the
 * regular expression first matches it, or else when the command ends.
 *
 *     node scripts/terminal-picture.ts docs/run-80.svg 80 'downloading .* 4\d %' dockerrun run segment.yaml
 */
const [file = '', columnsText = '80', pattern = '', ...command] = process.argv.slice(2);
if (command.length === 0) throw new Error('usage: terminal-picture.ts FILE COLUMNS PATTERN COMMAND...');
const columns = Number(columnsText);
const moment = new RegExp(pattern, 'm');

/** In pixels, of one character of a monospaced font, and around the lines. */
const cell = { width: 8.4, height: 19, font: 14 } as const;
const margin = 14;

/** On a dark ground; the index is that of the terminal's colours. */
const colours = ['#3b4252', '#f28779', '#a6d189', '#e5c890', '#8caaee', '#ca9ee6', '#7dc4e4', '#d8dee9'];
const usual = '#d8dee9';
const ground = '#1e2430';

const screen = new TerminalScreen(columns, 24);
const words = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
const child = spawn('script', ['-qec', `stty cols ${columns} rows 24; exec ${words}`, '/dev/null'], {
  stdio: ['ignore', 'pipe', 'ignore'],
});
for await (const chunk of child.stdout) {
  screen.write(chunk);
  if (pattern !== '' && moment.test((await screen.lines()).join('\n'))) break;
}
writeFileSync(file, picture(await screen.styledLines()));
child.kill('SIGINT');
if (child.exitCode === null) await once(child, 'exit');

function picture(all: readonly StyledText[][]): string {
  const lines = [
    shown(`$ ${command.join(' ')}`),
    ...all.slice(0, all.findLastIndex((parts) => parts.length > 0) + 1),
  ];
  const width = Math.ceil(columns * cell.width + 2 * margin);
  const height = lines.length * cell.height + 2 * margin;
  const title = lines.map((parts) => parts.map(({ text }) => text).join(' ')).join('\n');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" rx="8" fill="${ground}"/>`,
    `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="${cell.font}">`,
    ...lines.flatMap((parts, row) => parts.map((part) => drawn(part, row))),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function shown(text: string): StyledText[] {
  return [{ column: 0, text, colour: undefined, isBold: true }];
}

/** Blocks are rectangles, because fonts differ in them. */
function drawn({ column, text, colour, isBold }: StyledText, row: number): string {
  const fill = (colour === undefined ? undefined : colours[colour % colours.length]) ?? usual;
  const [x, y] = [margin + column * cell.width, margin + row * cell.height];
  return [...text.matchAll(/█+|░+|[^█░\s]+(?: [^█░\s]+)*/g)]
    .map(({ 0: piece, index }) => {
      const [left, width] = [(x + index * cell.width).toFixed(1), (piece.length * cell.width).toFixed(1)];
      if (/[█░]/.test(piece)) {
        const opacity = piece.startsWith('█') ? 1 : 0.25;
        return `<rect x="${left}" y="${y + 3}" width="${width}" height="${cell.height - 7}" fill="${fill}" opacity="${opacity}"/>`;
      }
      const weight = isBold ? ' font-weight="bold"' : '';
      return `<text x="${left}" y="${y + cell.font}" textLength="${width}" fill="${fill}"${weight}>${escaped(piece)}</text>`;
    })
    .join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
