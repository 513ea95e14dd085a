import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { isRecord } from '../../../src/api/json-values.ts';
import { planCommand, type PlanOptions } from '../../../src/cli/offline/plan-command.ts';
import { previewOf, type RunPreview } from '../../../src/cli/offline/run-preview.ts';
import { acceptRun } from '../../../src/cli/offline/validation.ts';
import { pageBlock } from '../../fixtures/page-blocks.ts';

/** What the command prints for a manifest. @throws UsageError */
async function printed(manifest: string, output: PlanOptions['output'] = 'text'): Promise<string> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const stop = new AbortController().signal;
  const terminal = { environment: {}, stdin: Readable.from([manifest]), stdout, stderr, stop };
  assert.is(await planCommand({ file: '-', output }, terminal), 0);
  stdout.end();
  return text(stdout);
}

const example = (name: string) => readFileSync(`examples/girder-worker/${name}.yaml`, 'utf8');

function previewOfExample(name: string): RunPreview {
  const run: unknown = parse(example(name));
  assert.ok(isRecord(run));
  return previewOf(acceptRun(run, name).spec);
}

test('the lines of a plan on the page are those of the plan of an example, in their order', async () => {
  const plan = (await printed(example('01-docker-run'))).replace(/sh -ec ".*" sh/, 'sh -ec … sh').split('\n');
  const shown = pageBlock('docs/writing-manifests.md', 'DockerRun default/docker-run').trimEnd().split('\n');
  const at = shown.map((line) => {
    const [begin = '', end] = line.endsWith(' …') ? [line.slice(0, -1)] : [line, ''];
    return plan.findIndex((real) => (end === undefined ? real.startsWith(begin) : real === begin));
  });
  assert.not(at.includes(-1), shown[at.indexOf(-1)]);
  assert.equal(
    at,
    at.toSorted((a, b) => a - b),
  );
});

test('the plan of a run says what is mounted, downloaded, streamed, run and uploaded', async () => {
  const plan = (await printed(example('01-docker-run'))).replace(/sh -ec ".*" sh/, 'sh -ec … sh');
  assert.is(
    plan,
    `DockerRun default/docker-run
  Image:
    busybox:1.36 (pull: IfNotPresent)
  Runs:
    sh -ec … sh '/mnt/girder_worker/temporary/f11e00000000000000000001/<name in Girder>' /mnt/girder_worker/temporary/stream /mnt/girder_worker/temporary/.girder_progress /mnt/girder_worker/temporary/sum.txt
  Variables:
    LANG=C
  Mounts:
    /mnt/girder_worker/temporary: an empty directory
  Downloads from Girder:
    file f11e00000000000000000001 → /mnt/girder_worker/temporary/f11e00000000000000000001/<name in Girder> (numbers)
  Streams:
    file f11e00000000000000000001 → the pipe /mnt/girder_worker/temporary/stream (stream)
    the pipe /mnt/girder_worker/temporary/.girder_progress → the progress of the run (progress)
  Uploads to Girder:
    /mnt/girder_worker/temporary/sum.txt → item a17e0000000000000000000f (OnSuccess)
  Secrets:
    girder (apiKey or token) for inputs and results in Girder
  Girder:
    https://data.example.org/api/v1
  Not known here:
    whether the documents in Girder exist and the key may use them
    names and sizes of inputs in Girder
    whether the DockerRunPolicy allows the host paths, options, image and addresses
    on which node it runs, and whether that has room
`,
  );
});

test('a set has the plan of each of its inputs', async () => {
  const set = readFileSync('examples/set.yaml', 'utf8')
    .replaceAll('${GIRDER_API_URL}', 'https://data.example.org/api/v1')
    .replaceAll('${PATH_OF_DATA}', '/collection/Study');
  const plan = await printed(set);
  assert.match(plan, /^DockerRunSet default\/word-counts, for each input$/m);
  assert.match(plan, /^ {4}\/bin\/sh -ec .* '\$\(item\)' '\$\(result\)' '\$\(item\.name\)'$/m);
  assert.match(
    plan,
    /^ {4}\$\(result\) → an item below folder \/collection\/Study\/Counts, with a receipt \(OnSuccess\)$/m,
  );
  assert.match(plan, /^ {4}the inputs: the values of \$\(item\.…\) are those of each$/m);
});

test('-o json and yaml have the same facts', async () => {
  const json: unknown = JSON.parse(await printed(example('06-bind-mount-volume'), 'json'));
  assert.equal(parse(await printed(example('06-bind-mount-volume'), 'yaml')), json);
  const { kind, name, hostPaths, args } = json as Record<string, unknown>;
  assert.equal([kind, name, hostPaths], ['DockerRun', 'bind-mount-volume', ['/srv/data/study']]);
  assert.equal((args as string[]).slice(-2), ['/mnt/study', '/mnt/study/listing.txt']);
});

test('several objects in a file have a plan each', async () => {
  const both = `${example('06-bind-mount-volume')}---\n${example('35-persistent-volume-claim')}`;
  assert.is((await printed(both)).match(/^DockerRun /gm)?.length, 2);
  assert.is((JSON.parse(await printed(both, 'json')) as unknown[]).length, 2);
});

test('a manifest that is not valid has no plan', async () => {
  for (const [manifest, words] of [
    [example('35-persistent-volume-claim').replace('image:', 'imag:'), /unknown field "spec\.imag"/],
    ['apiVersion: v1\nkind: Secret\n', /contains no DockerRun and no DockerRunSet/],
  ] as const)
    assert.match(await printed(manifest).catch((error: unknown) => String(error)), words);
});

test('Secrets are named with their keys and what they are for, and never read', () => {
  assert.equal(
    previewOfExample('16-chunked-transfer-encoding-stream').secrets.map(({ name, keys, for: use }) => [
      name,
      keys,
      use,
    ]),
    [
      ['girder', ['apiKey or token'], 'inputs and results in Girder'],
      ['receiver', ['token'], 'headers of a stream'],
    ],
  );
  assert.equal(
    previewOfExample('24-girder-job').secrets.map(({ for: use }) => use),
    ['reports to the Girder job'],
  );
  const variables = previewOfExample('26-environment').env.map(({ value }) => value);
  assert.ok(
    variables.some((value) => /^<key \S+ of Secret \S+>$/.test(value)),
    variables.join(),
  );
});

test('an input with a path of its own is there, and documents by path are named by it', () => {
  const { downloads, args } = previewOfExample('36-girder-metadata-to-volume');
  assert.equal(
    downloads.map(({ from, path }) => [from, path]),
    [
      ['item a17e00000000000000000001', '/data/series'],
      ['metadata of item a17e00000000000000000001', '/data/series.json'],
    ],
  );
  assert.is(args?.at(-1), '/data/series');
});

test('every example has a plan whose arguments have no name of a volume or transform left', () => {
  const files = globSync('examples/girder-worker/*.yaml').map((path) => basename(path, '.yaml'));
  assert.ok(files.length > 30);
  for (const name of files) {
    const { args = [], command = [], unknown, mounts, streams, downloads } = previewOfExample(name);
    const names = [
      ...[...mounts, ...streams].map((one) => one.name),
      ...downloads.flatMap((one) => one.names),
    ];
    const isLiteral = example(name).includes('$$(');
    const left = [...command, ...args].filter((one) => names.some((known) => one.includes(`$(${known})`)));
    assert.equal(isLiteral ? [] : left, [], name);
    assert.ok(unknown.length > 0);
  }
});

test.run();
