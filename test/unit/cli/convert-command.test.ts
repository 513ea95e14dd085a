import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { convertCommand, convertOptions } from '../../../src/cli/offline/convert-command.ts';
import { planOptions } from '../../../src/cli/offline/plan-command.ts';
import { parseDocuments } from '../../../src/cli/offline/manifest.ts';
import { acceptRun } from '../../../src/cli/offline/validation.ts';

/** What the command prints of a program on its standard input, and its exit code. */
async function converted(program: string, given: Record<string, string> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const terminal = {
    environment: {},
    stdin: Readable.from([program]),
    stdout,
    stderr,
    stop: new AbortController().signal,
  };
  const options = { file: '-', name: undefined, girderApiUrl: undefined, girderSecret: 'girder' };
  const code = await convertCommand({ ...options, given: new Map(Object.entries(given)) }, terminal);
  stdout.end();
  stderr.end();
  return { code, manifest: await text(stdout), said: await text(stderr) };
}

test('manifests are on standard output, and the exit code is 0 when nothing is missing', async () => {
  const program =
    "docker_run('my/a', container_args=['on', '0644', '1e3', '12:30', '$(x)'])\ndocker_run.apply_async(['my/b'], queue='q')\n";
  const { code, manifest, said } = await converted(program);
  assert.is(code, 0);
  assert.is(
    said,
    'dockerrun: standard input:2: queue is not in the manifest: use nodeSelector, priorityClassName or a queue of Kueue\n',
  );
  const documents = parseDocuments(manifest, 'it') as Record<string, unknown>[];
  assert.equal(
    documents.map((one) => acceptRun(one, 'it').name),
    ['a', 'b'],
  );
  const { args } = documents[0]?.['spec'] as { args: string[] };
  assert.equal(args, ['on', '0644', '1e3', '12:30', '$$(x)'], 'as kubectl reads YAML');
});

test('the exit code is 1 when a value has to be filled in, and 0 when it is given', async () => {
  const program = 'docker_run(image)';
  const missing = await converted(program);
  assert.is(missing.code, 1);
  assert.match(missing.said, /^dockerrun: standard input:1: image has no value here .*--set 'image=…'$/m);
  const given = await converted(program, { image: 'busybox:1' });
  assert.equal([given.code, given.said], [0, '']);
  assert.match(given.manifest, /^ {2}image: busybox:1$/m);
});

test('an expression may have equals signs and quotes, and the hint is one word of a shell', async () => {
  const program = `docker_run(names["a=b"], container_args=[f(x=1), file['_id']])`;
  const sets = ['names["a=b"]=busybox', 'f(x=1)=one=two', "file['_id']=three"];
  const terminal = { GIRDER_API_URL: 'https://data.example.org/api/v1' };
  const given = { file: '-', name: undefined, sets, girderApiUrl: undefined, girderSecret: undefined };
  const options = convertOptions(given, terminal);
  assert.is(options.girderApiUrl, terminal.GIRDER_API_URL);
  assert.equal(
    [...options.given],
    [
      ['names["a=b"]', 'busybox'],
      ['f(x=1)', 'one=two'],
      ["file['_id']", 'three'],
    ],
  );
  const { said } = await converted(program);
  assert.match(said, /convert with --set 'names\["a=b"\]=…'$/m);
  assert.match(said, /convert with --set "file\['_id'\]=…"$/m);
  assert.equal((await converted(program, Object.fromEntries(options.given))).said, '');
});

test('options that cannot be used are refused', () => {
  const given = { file: '-', name: undefined, sets: [], girderApiUrl: undefined, girderSecret: undefined };
  assert.throws(() => convertOptions({ ...given, sets: ['x'] }, {}), /--set x: write it as EXPRESSION=VALUE/);
  assert.throws(
    () => convertOptions({ ...given, name: 'A b' }, {}),
    /--name A b: it must consist of lower case/,
  );
  assert.throws(() => planOptions('-', 'xml'), /--output xml: it must be one of text, json, yaml/);
});

test('the exit code is 64 when a call has no manifest, or there is no call; the others are printed', async () => {
  const refused = await converted("docker_run('a', shm='1')\ndocker_run('b')");
  assert.is(refused.code, 64);
  assert.match(refused.said, /^dockerrun: standard input:1: it has the keyword "shm"/);
  assert.match(refused.manifest, /name: b$/m);
  const none = await converted('print(1)');
  assert.equal(
    [none.code, none.said, none.manifest],
    [64, 'dockerrun: standard input: contains no call of docker_run\n', ''],
  );
});

test.run();
