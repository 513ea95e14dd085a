import fc from 'fast-check';
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { viewLines } from '../../../src/cli/cluster/live-table.ts';
import { objectDescription } from '../../../src/cli/cluster/object-description.ts';
import { alignedLines, objectTable } from '../../../src/cli/cluster/object-table.ts';
import { durationText } from '../../../src/support/age-text.ts';
import { formatted } from '../../../src/cli/cluster/output-format.ts';
import type { StoredObject } from '../../../src/cli/cluster/stored-object.ts';
import { colouredPhases } from '../../../src/cli/terminal-style.ts';

const now = Date.parse('2026-11-30T12:00:00Z');

function aRun(name: string, status: object = {}): StoredObject {
  return {
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRun',
    metadata: { name, namespace: 'lab', creationTimestamp: '2026-11-30T11:57:00Z', managedFields: [{}] },
    spec: { image: 'busybox' },
    status,
  };
}

const aSet: StoredObject = {
  ...aRun('nuclei', { phase: 'Processing', summary: '120/2000', items: { failed: 2, running: 3 } }),
  kind: 'DockerRunSet',
};

const ended = { phase: 'Succeeded', nodeName: 'n1', progress: { summary: '100%' }, target: { exitCode: 0 } };
const options = { kind: 'run', isWide: false, hasNamespace: false, now } as const;

test('the table of runs has the columns of kubectl get', () => {
  assert.equal(objectTable([aRun('segment', ended), aRun('b')], options), [
    'NAME      PHASE       PROGRESS   NODE   EXIT   AGE',
    'segment   Succeeded   100%       n1     0      3m',
    'b                                              3m',
  ]);
});

test('wide has more columns, and all namespaces one before the name', () => {
  const [head = '', row = ''] = objectTable([aRun('a', ended)], {
    ...options,
    isWide: true,
    hasNamespace: true,
  });
  assert.match(head, /^NAMESPACE {3}NAME .* AGE {3}REASON {3}ATTEMPTS {3}IMAGE +POD {3}MESSAGE$/);
  assert.match(row, /^lab {9}a .*busybox/);
});

test('the table of sets has its own columns', () => {
  assert.equal(objectTable([aSet], { ...options, kind: 'set' }), [
    'NAME     PHASE        DONE       FAILED   RUNNING   ETA   AGE',
    'nuclei   Processing   120/2000   2        3               3m',
  ]);
});

test('no line is wider than the terminal, however long the cells are', () => {
  const cell = fc.string({ maxLength: 200 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }),
      fc.integer({ min: 20, max: 120 }),
      (rows, columns) => {
        for (const line of alignedLines(rows, columns)) assert.ok(line.length <= columns, `${line.length}`);
      },
    ),
  );
});

test('characters that a terminal would obey are replaced', () => {
  const [, row = ''] = objectTable([aRun('a', { ...ended, nodeName: '\u001b[2Jn\u202e' })], options);
  assert.is(row, stripVTControlCharacters(row));
  assert.not.match(row, /[\u001b\u202e]/);
  assert.ok(
    objectDescription(aRun('a', { message: 'x\u001b]0;y\u0007' }), now).every(
      (line) => !/[\u0007\u001b]/.test(line),
    ),
  );
});

test('durations are written as kubectl writes ages', () => {
  const texts = [0, 119, 120, 185, 600, 10_800, 14_700, 36_000, 180_000, 900_000].map(durationText);
  assert.equal(texts, ['0s', '119s', '2m', '3m5s', '10m', '3h', '4h5m', '10h', '2d2h', '10d']);
});

const terminal = (environment: NodeJS.ProcessEnv, isTTY: boolean) => ({
  environment,
  stdin: new PassThrough(),
  stdout: Object.assign(new PassThrough(), { isTTY, columns: 80, rows: 24 }),
  stderr: new PassThrough(),
  stop: new AbortController().signal,
});

test('phases have colours only on a terminal without NO_COLOR', () => {
  const lines = objectTable([aRun('a', ended)], options);
  assert.match(colouredPhases(lines, terminal({}, true))[1] ?? '', '\u001b[32mSucceeded');
  for (const plain of [
    terminal({ NO_COLOR: '1' }, true),
    terminal({}, false),
    terminal({ TERM: 'dumb' }, true),
  ])
    assert.equal(colouredPhases(lines, plain), lines);
});

test('json and yaml are one object, or a List, and names are those of kubectl', () => {
  const one = JSON.parse(formatted([aRun('a')], 'json', { isList: false })) as StoredObject;
  assert.is(one.metadata.name, 'a');
  assert.is(one.metadata['managedFields'], undefined);
  assert.match(formatted([aRun('a')], 'json', { isList: true }), '"kind": "List"');
  assert.match(formatted([], 'json', { isList: true }), '"items": []');
  assert.match(
    formatted([aRun('a')], 'yaml', { isList: false }),
    /^apiVersion: dockerrun.dev\/v1alpha1\nkind: DockerRun\n/,
  );
  assert.is(
    formatted([aRun('a'), aSet], 'name', { isList: false }),
    'dockerrun.dockerrun.dev/a\ndockerrunset.dockerrun.dev/nuclei\n',
  );
});

test('a run is described with its attempts and results', () => {
  const status = {
    ...ended,
    attempts: 2,
    attemptHistory: [
      { podUID: '1', podName: 'p-1', reason: 'OOMKilled', exitCode: 137 },
      { podUID: '2', podName: 'p-2' },
    ],
    results: [
      { itemId: 'i', fileId: 'f', name: 'mask.png', size: 2048, sha256: '', url: 'https://g/#item/i' },
    ],
    resultCount: 3,
  };
  const text = objectDescription(aRun('segment', status), now).join('\n');
  assert.match(text, /^Run {10}lab\/segment$/m);
  assert.match(text, /^ {2}1 {3}p-1 .*OOMKilled {3}exit code 137$/m);
  assert.match(text, /^ {2}mask\.png {3}2\.0 kB {3}https:\/\/g\/#item\/i$/m);
  assert.match(text, /^ {2}and 2 more in Girder$/m);
});

test('a set is described with its counts and where its failures are explained', () => {
  const failures = [{ reason: 'TargetFailed', count: 2, examples: [] }];
  const status = { ...(aSet['status'] as object), failures };
  const text = objectDescription({ ...aSet, status }, now).join('\n');
  assert.match(text, /^Done {9}120\/2000$/m);
  assert.match(text, /TargetFailed \(2\); dockerrun failures nuclei shows all/);
});

test('the live table fits the terminal, and says how many it leaves out', () => {
  const many = Array.from({ length: 100 }, (_, index) => aRun(`segment-${index}-${'x'.repeat(60)}`, ended));
  const view = { columns: 80, rows: 24, hasNamespace: false, now };
  const lines = viewLines([...many, aSet], view);
  assert.is(lines.length, 23);
  assert.ok(lines.every((line) => line.length < 80));
  assert.match(lines.at(-1) ?? '', /^and \d+ more$/);
  assert.match(
    viewLines([aRun('a', { phase: 'Pending', message: 'It waits.' })], view).at(-1) ?? '',
    'Pending: It waits.',
  );
  assert.equal(viewLines([], view), ['waiting for the first one']);
});

test.run();
