import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isRecord } from '../../../src/api/json-values.ts';
import { validateSpec } from '../../../src/api/validate.ts';
import type { Outcome, TaskMessage } from '../../../src/bridge/translate/message-outcome.ts';
import { translate } from '../../../src/bridge/translate/translation.ts';
import { nameAndNamespace, checkSchema } from '../../../src/cli/offline/validation.ts';
import {
  captured,
  capturedNames,
  captureTime,
  client,
  dataToken,
  type Fields,
  inputFile,
  pickled,
  refusalOf,
  settings,
  slicerTask,
  taskMessage,
  tokensOf,
  volumePath,
} from './task-messages.ts';

const seed = 20261130;

/** Checks what holds for the outcome of every message. */
function check(message: TaskMessage, tokens: readonly string[]): Outcome {
  const started = performance.now();
  const outcome = translate(message, settings, captureTime);
  assert.ok(performance.now() - started < 10_000, 'it took too long');
  if (outcome.kind === 'Run') {
    const checked = checkSchema({ ...outcome.run });
    assert.equal('problems' in checked ? checked.problems : validateSpec(checked.spec), []);
    assert.ok(nameAndNamespace({ ...outcome.run }, 'the message'));
  }
  if (outcome.kind === 'Refused') assert.match(outcome.message, /^DockerRun cannot run this task: .*[.…]$/su);
  const visible = JSON.stringify({ ...outcome, secret: undefined, job: undefined });
  for (const token of tokens)
    assert.not.ok(token.length >= 16 && visible.includes(token), 'a token is visible');
  return outcome;
}

/** A value in place of another one, somewhere in a message. */
const strange = fc.oneof(
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, '', '.', '..', '/', 'a'.repeat(70_000), [], {}),
  fc.constantFrom<unknown>(
    { 'py/id': 0 },
    { 'py/id': 3 },
    { 'py/id': 99 },
    { 'py/tuple': [] },
    { 'py/object': 'a.B' },
  ),
  fc.constantFrom<unknown>(
    { 'py/b64': 'YQ==' },
    { 'py/type': 'a.B' },
    { 'py/reduce': [] },
    client(),
    volumePath('x'),
  ),
  fc.constantFrom<unknown>(dataToken, `x${dataToken}`, '$(temporaryVolume)', '\0', '\u{1f600}\ud800'),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.jsonValue({ maxDepth: 3 }),
);

type Mutation = { readonly at: number; readonly value: unknown; readonly removes: boolean };

const mutation: fc.Arbitrary<Mutation> = fc.record({ at: fc.nat(), value: strange, removes: fc.boolean() });

/** Replaces or removes the part of a value with this number. */
function mutate(value: unknown, { at, value: other, removes }: Mutation): unknown {
  const places: [Fields | unknown[], string][] = [];
  const collect = (part: unknown): void => {
    if (!Array.isArray(part) && !isRecord(part)) return;
    for (const key of Object.keys(part)) {
      places.push([part as Fields, key]);
      collect((part as Fields)[key]);
    }
  };
  collect(value);
  const [parent, key] = places[at % Math.max(1, places.length)] ?? [];
  if (parent === undefined || key === undefined) return value;
  if (!removes) (parent as Fields)[key] = other;
  else if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else delete parent[key];
  return value;
}

test('any message with changed parts becomes a valid run or a sentence, soon and without a token', () => {
  const kinds = new Map<string, number>();
  const originals = capturedNames.flatMap(captured);
  fc.assert(
    fc.property(
      fc.nat(),
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      (which, mutations, inBody) => {
        const original = originals[which % originals.length];
        assert.ok(original);
        const body: unknown = JSON.parse(original.body.toString());
        const whole = { headers: structuredClone(original.headers), body };
        for (const one of mutations) mutate(inBody ? whole.body : whole, structuredClone(one));
        const message = {
          ...original,
          headers: whole.headers,
          body: Buffer.from(JSON.stringify(whole.body) ?? ''),
        };
        const { kind } = check(message, tokensOf([original.headers, body]));
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      },
    ),
    { seed, numRuns: 600 },
  );
  for (const kind of ['Run', 'Refused', 'Foreign']) assert.ok((kinds.get(kind) ?? 0) > 3, `few are ${kind}`);
});

test('any call with any keywords becomes a valid run or a sentence', () => {
  const keywords = [
    'container_args',
    'entrypoint',
    'volumes',
    'environment',
    'mounts',
    'ports',
    'ulimits',
    'labels',
  ];
  const more = [
    'device_requests',
    'healthcheck',
    'log_config',
    'tmpfs',
    'extra_hosts',
    'runtime',
    'stream_connectors',
  ];
  const kwargs = fc.dictionary(fc.constantFrom(...keywords, ...more), fc.oneof(strange, fc.array(strange)), {
    maxKeys: 4,
  });
  fc.assert(
    fc.property(kwargs, fc.boolean(), (given, isSlicer) => {
      const task = isSlicer ? { task: slicerTask } : {};
      const headers = { girder_client_token: dataToken };
      check(taskMessage({ ...task, headers, kwargs: { image: 'a', ...given } }), [dataToken]);
    }),
    { seed, numRuns: 300 },
  );
});

test('any bytes and any headers have an outcome', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.anything(),
      fc.string(),
      (bytes, table, contentType) => {
        const message = { ...taskMessage({}), body: Buffer.from(bytes) };
        for (const one of [message, { ...message, headers: table }, { ...message, contentType }])
          check(one, []);
      },
    ),
    { seed, numRuns: 300 },
  );
});

test('a body of 8 MiB of arguments, options or names is refused within seconds', () => {
  const large = 'a'.repeat(7 * 2 ** 20);
  const many = Array.from({ length: 60_000 }, (_, index) => String(index));
  for (const kwargs of [
    { container_args: [large] },
    { container_args: many },
    { container_args: [many] },
    { environment: Object.fromEntries(many.map((name) => [`n${name}`, 'x'])) },
    { environment: { [large]: '1' } },
    { labels: Object.fromEntries(many.map((name) => [name, 'x'])) },
    { volumes: Object.fromEntries(many.map((name) => [`/${name}`, { bind: `/t${name}` }])) },
    { [large]: 1 },
    { image: large },
    { shm_size: large },
  ])
    assert.is(check(taskMessage({ kwargs: { image: 'a', ...kwargs } }), []).kind, 'Refused');
});

test('thousands of files, streams and tokens are refused within seconds', () => {
  const files = Array.from({ length: 5000 }, (_, index) => ({
    ...inputFile(`f${index}`),
    gc: client(`token${index}`.padEnd(64, '0')),
  }));
  assert.match(
    refusalOf({ container_args: [pickled('Connect'), ...files.slice(1)] }),
    /elements, but a run has at most/,
  );
  const joined = pickled('slicer_cli_web.girder_worker_plugin.direct_docker_run.CommaJoinedVolumes', {
    _volumes: files,
  });
  assert.match(
    refusalOf({ container_args: [joined] }),
    /inputs, outputs and streams, which is the most of a run; give/,
  );
  const alike = files.map((_, index) => client('a'.repeat(20 + (index % 400))));
  assert.match(refusalOf({ container_args: alike }), /texts as tokens that Girder did not make/);
});

test('options that multiply by references are refused', () => {
  const lists = Array.from({ length: 40 }, (_, index) => [{ 'py/id': index + 2 }, { 'py/id': index + 2 }]);
  assert.match(
    refusalOf({ cap_add: [['x'], ...lists] }),
    /the options of the container have more than 10000 values/,
  );
});

test.run();
