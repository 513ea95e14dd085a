import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

const page = 'docs/sets-figures.md';

/** A section of docs/sets-figures.md: what was measured how, and its figures. */
export type Figures = {
  readonly title: string;
  readonly text: readonly string[];
  readonly rows: readonly (readonly [string, string])[];
};

/** Writes a section in the place of the last one with its title, and leaves the others as they are. */
export function writeFigures({ title, text, rows }: Figures): void {
  const load = `${cpus().length} processors, load ${loadavg()[0]?.toFixed(1)} at the end`;
  const section = [
    `## ${title}`,
    '',
    ...text,
    '',
    '| Figure | Measured |',
    '| --- | --- |',
    ...[...rows, ['The machine', load]].map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
  const [head = '', ...sections] = (existsSync(page) ? readFileSync(page, 'utf8') : '').split(/^(?=## )/m);
  const others = sections.map((one) => one.trim()).filter((one) => !one.startsWith(`## ${title}\n`));
  writeFileSync(page, `${[head.trim(), ...others, section].join('\n\n')}\n`);
  console.log(section);
}
