import { globSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { pageBlock } from '../../fixtures/page-blocks.ts';
import { test } from '../../fixtures/suite.ts';
import { environment } from '../support/environment.ts';
import { readPage } from '../../unit/structure/pages.ts';
import { filledIn, PageShell, printed, typed } from '../support/page-shell.ts';
import { SetLab } from './set-lab.ts';

/** The tutorial of docs/sets.md with some inputs, from the key to the receipts. */

const inputs = new Map(
  ['2026-11/case-0411.svs', '2026-11/case-0412.svs', '2026-12/case-0413.svs', '2026-12/case-0414.svs'].map(
    (path) => [path, `slide ${path}`],
  ),
);
let lab: SetLab;
let shell: PageShell;

test.before(async () => {
  lab = await SetLab.open('set-pages');
  await lab.addInputs(inputs);
  // The page creates it.
  await lab.lab.kubectl('delete', 'secret', 'girder');
  shell = await PageShell.open(lab.lab.namespace);
  await shell.write('nuclei.yaml', manifest());
});
test.after(async () => {
  shell[Symbol.dispose]();
  await lab.close();
});

function manifest(): string {
  const program = `["sh", "-ec", 'in=\${0#--in=}; out=\${1#--out=}; tr a-z A-Z < "$in" > "$out/nuclei.json"; cp "$in" "$out/overlay.png"; echo "$2"']`;
  return filledIn(pageBlock('docs/sets.md', 'kind: DockerRunSet'), {
    'registry.example.org/nuclei:2.3': `busybox:local\n      imagePullPolicy: Never\n      command: ${program}`,
    'namespace: imaging': `namespace: ${lab.lab.namespace}`,
    'path: /collection/Study-7/Slides': `id: ${lab.source}`,
    'path: /collection/Study-7/Nuclei': `id: ${lab.results}`,
    'https://data.example.org/api/v1': environment('GIRDER_API_URL'),
    // The inputs have just been uploaded, and this machine is small.
    ...{ '  source:\n': '  version: "2026-11"\n  source:\n    settleSeconds: 0\n', '16Gi': '64Mi' },
    ...{ 'parallelism: 40': 'parallelism: 2', 'activeDeadlineSeconds: 3600': 'activeDeadlineSeconds: 300' },
  });
}

/** The names of the fields of an object, with those of the objects in it. */
function fieldsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return fieldsOf(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, own]) => fieldsOf(own, `${path}.${name}`));
}

test('three slides run on the own machine, and the others in the cluster', async () => {
  await shell.output(pageBlock('docs/sets.md', 'create secret generic girder'));
  const local = await shell.output(
    `exec 2>&1\n${typed(pageBlock('docs/sets.md', 'dockerrun run nuclei.yaml')).join('\n')}`,
  );
  assert.match(local, /3 inputs succeeded; 1 more have to run|3 inputs succeeded; 1 more has to run/);
  const block = pageBlock('docs/sets.md', 'kubectl get dockerrunsets --watch');
  const [apply = '', get = ''] = typed(block);
  await shell.output(apply);
  const { status } = await lab.inPhase('nuclei', 'Idle');
  assert.equal([status.items?.done, status.items?.failed ?? 0], [4, 0]);
  const table = (await shell.output(get.replace(' --watch', ''))).trim().split('\n');
  const [head = '', ...rows] = printed(block);
  assert.equal(table[0]?.split(/ +/), head.split(/ +/));
  const idle = rows.at(-1)?.split(/ +/) ?? [];
  assert.is(idle[1], 'Idle');
  assert.match(table[1] ?? '', /^nuclei +Idle +4\/4 +0 +0 +\d+/);
  const [list = ''] = pageBlock('docs/sets.md', 'dockerrun.dev/set=nuclei').split('\n');
  await shell.output(list);
});

test('the README shows a set as kubectl does, and runs it with the same commands', async () => {
  const block = pageBlock('README.md', 'kubectl get dockerrunsets');
  const [local = '', apply = '', get = ''] = typed(block);
  const table = await shell.output(`export GIRDER_API_KEY=…\n${local}\n${apply}\n${get}`);
  const [head = ''] = printed(block);
  assert.ok(
    table.split('\n').some((line) => line.split(/ +/).join() === head.split(/ +/).join()),
    table,
  );
});

test('the results are the items and files of the page, with a receipt of its fields', async () => {
  const found = await lab.resultItems();
  assert.equal([...found.keys()].toSorted(), [...inputs.keys()]);
  const tree = pageBlock('docs/sets.md', 'Slides/2026-11/case-0412.svs');
  const [, path = ''] = /Nuclei\/(\S+)\//.exec(tree) ?? [];
  const { id = '', receipt } = found.get(path) ?? {};
  const files = [...tree.matchAll(/^ +(\S+\.\w+)(?: |$)/gm)].map(([, name = '']) => name);
  assert.is(files.length, 3);
  for (const name of files) assert.ok((await lab.textOf(id, name)) !== '', name);
  const shown: unknown = JSON.parse(pageBlock('docs/sets.md', '"state": "Succeeded"'));
  // The image of the test is in no registry, and this Girder computes no checksums.
  const others = ['.imageDigest', '.input.files[].sha512'];
  assert.equal(fieldsOf(shown).toSorted(), [...new Set([...fieldsOf(receipt), ...others])].toSorted());
});

test('why an input ran is explained with the command of the page', async () => {
  const command = pageBlock('docs/troubleshooting.md', 'dockerrun explain-item');
  assert.match(await shell.output(`export GIRDER_API_KEY=…\n${command}`), /2026-11\/case-0412\.svs/);
});

/** The commands in the text of pages, as a reader of this namespace completes them. */
function spansOf(pages: readonly string[], own: RegExp): string[] {
  const spans = pages.flatMap((path) => readPage(path).codeSpans);
  const complete = spans.filter((code) => own.test(code) && !/[…<]|--previous|certificate/.test(code));
  return [...new Set(complete)].map((code) =>
    code.replaceAll('NAME', 'segment').replaceAll('imaging', lab.lab.namespace),
  );
}

test('the commands in the text of the pages that look at something succeed', async () => {
  await lab.lab.run('segment', { command: ['true'], suspend: true });
  const pages = globSync(['README.md', 'docs/*.md', 'docs/how-to/*.md']);
  const looks = spansOf(
    pages,
    /^kubectl (?:(?:-n|--namespace) \S+ )?(?:get|explain|config|describe|logs) \S/,
  );
  assert.ok(looks.length > 20, `${looks.length} commands`);
  await shell.output(looks.map((command) => `${command} > /dev/null`).join('\n'));
});

test('the commands in the text about sets change this one, and delete it at the end', async () => {
  const changes = spansOf(['docs/sets.md'], /^(?:dockerrun|kubectl (?:patch|annotate|delete)) \S+ .*nuclei/);
  assert.is(changes.length, 6, changes.join('\n'));
  const isLast = (line: string) => Number(line.includes(' delete '));
  const lines = changes
    .toSorted((a, b) => isLast(a) - isLast(b))
    .map((line) => line.replace('ITEM', '2026-11/case-0412.svs'));
  await shell.output(['export GIRDER_API_KEY=…', ...lines].join('\n'));
  const { code } = await shell.perform('kubectl get drset nuclei');
  assert.is(code, 1);
});

test.run();
