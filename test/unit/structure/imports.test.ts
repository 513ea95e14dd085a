import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { layerOf, reachableFrom, sourceFiles } from './source-files.ts';

/** What each layer may import in addition to itself. Every import points down, so that no cycle can arise. */
const below: Record<string, readonly string[]> = {
  api: [],
  support: ['api'],
  calls: ['api'],
  builder: ['api', 'calls'],
  convert: ['api', 'calls'],
  policy: ['api', 'support'],
  runtime: ['support'],
  io: ['support'],
  kube: ['api', 'support', 'runtime'],
  docker: ['api', 'support', 'io'],
  girder: ['api', 'support', 'io'],
  controller: ['api', 'support', 'policy', 'runtime', 'kube'],
  worker: ['api', 'support', 'runtime', 'io', 'docker', 'girder'],
  planner: ['api', 'support', 'runtime', 'io', 'girder'],
  'node-agent': ['api', 'support', 'runtime', 'io', 'docker'],
  ui: ['api', 'support', 'kube'],
  bridge: ['api', 'support', 'calls', 'runtime', 'kube', 'girder'],
  cli: [
    'api',
    'support',
    'calls',
    'convert',
    'policy',
    'runtime',
    'io',
    'kube',
    'docker',
    'girder',
    'controller',
    'worker',
    'planner',
    'ui',
  ],
  main: ['controller', 'worker', 'planner', 'node-agent', 'bridge', 'cli'],
};

/**
 * The floors of a layer, the lowest first. A file is on the floor of the entry that names it, or else its sub-folder;
 * `*` are the other files of the layer itself. Files import from their own floor, without cycles, and from lower ones.
 */
const floors: Record<string, readonly (readonly string[])[]> = {
  api: [['json-values.ts', 'keywords.ts', 'names.ts'], ['docker'], ['*'], ['set']],
  support: [['*'], ['trace']],
  convert: [['python'], ['*']],
  ui: [['ui-messages.ts'], ['page'], ['server'], ['*']],
  bridge: [
    ['pickle', 'bridge-names.ts', 'bridge-metrics.ts', 'holdup.ts'],
    ['translate'],
    ['bridge-config.ts', 'job', 'broker'],
    ['runs'],
    ['follow'],
    ['*'],
  ],
  docker: [
    [
      'engine.ts',
      'engine-call.ts',
      'engine-error.ts',
      'engine-wait.ts',
      'container-state.ts',
      'remove-container.ts',
    ],
    ['create', 'output', 'pull'],
    ['*'],
  ],
  girder: [['retry.ts'], ['http'], ['*'], ['download'], ['upload', 'job']],
  controller: [['metrics'], ['observe'], ['job'], ['decide'], ['apply'], ['set'], ['admission'], ['*']],
  worker: [
    [
      ...[
        'run-environment.ts',
        'plan.ts',
        'progress.ts',
        'preparation.ts',
        'context.ts',
        'target-options.ts',
      ],
      'secret-texts.ts',
    ],
    ['pod', 'streams'],
    ['stage'],
    ['run-end.ts', 'run-target.ts'],
    ['chunk'],
    ['*'],
  ],
  cli: [
    ['arguments.ts', 'terminal.ts', 'terminal-style.ts', 'command-spec.ts'],
    ['offline'],
    ['local'],
    ['remote'],
    ['cluster', 'doctor'],
    ['*'],
  ],
};

const inSrc = (path: string) => path.startsWith('src/');

/** The sub-folder of the layer that a file is in; undefined for a file of the layer itself. */
function folderOf(path: string): string | undefined {
  return /^src\/[^/]+\/([^/]+)\//.exec(path)?.[1];
}

/** Imports within one layer, as pairs of files. */
const insideLayers = sourceFiles.flatMap(({ path, imports }) =>
  imports.filter((to) => inSrc(to) && layerOf(to) === layerOf(path)).map((to) => ({ path, to })),
);

test('there are files to check, and every imported file exists', () => {
  assert.ok(sourceFiles.length > 50);
  const missing = sourceFiles.flatMap(({ path, imports }) =>
    imports.filter((to) => inSrc(to) && !existsSync(to)).map((to) => `${path} → ${to}`),
  );
  assert.equal(missing, []);
  assert.ok(reachableFrom('src/main.ts').has('src/controller/main.ts'), 'dynamic imports are seen');
});

test('every file is in a layer', () => {
  const unplaced = sourceFiles.filter(({ path }) => below[layerOf(path) ?? ''] === undefined);
  assert.equal(
    unplaced.map(({ path }) => path),
    [],
  );
});

test('the layers are ordered: no layer may import one that imports it', () => {
  const order = Object.keys(below);
  for (const [layer, lower] of Object.entries(below))
    for (const one of lower) assert.ok(order.indexOf(one) < order.indexOf(layer), `${layer} → ${one}`);
});

test('imports between layers point down', () => {
  const wrong = sourceFiles.flatMap(({ path, imports }) => {
    const layer = layerOf(path) ?? '';
    const allowed = [layer, ...(below[layer] ?? [])];
    return imports
      .filter((to) => inSrc(to) && !allowed.includes(layerOf(to) ?? ''))
      .map((to) => `${path} → ${to}`);
  });
  assert.equal(wrong, []);
});

test('no two sub-folders of a layer import each other', () => {
  const arrows = new Map<string, string>();
  for (const { path, to } of insideLayers) {
    const [from, into] = [folderOf(path), folderOf(to)];
    if (from === undefined || into === undefined || from === into) continue;
    arrows.set(`${layerOf(path)}: ${from} → ${into}`, `${path} → ${to}`);
  }
  const mutual = [...arrows].filter(([arrow]) => arrows.has(arrow.replace(/(\S+) → (\S+)$/, '$2 → $1')));
  assert.equal(
    mutual.map(([, files]) => files),
    [],
  );
});

test('imports inside a layer point down from floor to floor', () => {
  const up = insideLayers.filter(({ path, to }) => floorOf(to) > floorOf(path));
  assert.equal(
    up.map(({ path, to }) => `${path} → ${to}`),
    [],
  );
});

test('every floor has files, and every sub-folder of a layer with floors is on a floor', () => {
  for (const [layer, list] of Object.entries(floors)) {
    const files = sourceFiles.filter(({ path }) => layerOf(path) === layer).map(({ path }) => path);
    const folders = new Set(files.flatMap((path) => folderOf(path) ?? []));
    const named = new Set(list.flat());
    assert.equal(
      [...folders].filter((folder) => !named.has(folder)),
      [],
      layer,
    );
    for (const name of named)
      if (name !== '*')
        assert.ok(folders.has(name) || files.includes(`src/${layer}/${name}`), `${layer}: ${name}`);
  }
});

function floorOf(path: string): number {
  const list = floors[layerOf(path) ?? ''] ?? [];
  const own = list.findIndex((floor) => floor.includes(path.split('/').slice(2).join('/')));
  return own === -1 ? list.findIndex((floor) => floor.includes(folderOf(path) ?? '*')) : own;
}

test('no file in src imports a file outside src', () => {
  const outside = sourceFiles.flatMap(({ path, imports }) =>
    imports.filter((to) => /^(\.\.|scripts|test|node_modules)\//.test(to)).map((to) => `${path} → ${to}`),
  );
  assert.equal(outside, []);
});

test('no two files import each other, directly or through other files', () => {
  const cycles = sourceFiles.flatMap(({ path, imports }) =>
    imports.filter((to) => inSrc(to) && reachableFrom(to).has(path)).map((to) => `${path} → ${to}`),
  );
  assert.equal(cycles, []);
});

test('the worker never loads the Kubernetes client or the metrics library', () => {
  const ways = reachableFrom('src/worker/main.ts');
  assert.ok(ways.has('src/docker/engine.ts') && ways.has('dockerode'));
  const client = [...ways].filter(([to]) => to.startsWith('@kubernetes/') || to === 'prom-client');
  assert.equal(
    client.map(([, way]) => way.join(' → ')),
    [],
  );
});

test('the decisions of the controller are pure: they load no module that does I/O', () => {
  const decisions = sourceFiles.filter(({ path }) => /^src\/controller\/(set\/)?decide\//.test(path));
  assert.ok(decisions.length > 5);
  const doesIo =
    /^(node:(?!path$|util$|crypto$)|src\/runtime\/|src\/kube\/(?!json\.ts)|src\/controller\/(set\/)?apply\/)/;
  const others = decisions.flatMap(({ path }) =>
    [...reachableFrom(path).values()].filter((way) => doesIo.test(way.at(-1) ?? '')),
  );
  assert.equal(
    others.map((way) => way.join(' → ')),
    [],
  );
});

test('what becomes of a call of docker_run, and of a message of Girder, is decided without I/O', () => {
  const pure = sourceFiles.filter(({ path }) =>
    /^src\/(calls|convert|bridge\/(pickle|translate))\//.test(path),
  );
  assert.ok(pure.length > 25);
  const others = pure.flatMap(({ path, imports }) =>
    [...imports, ...reachableFrom(path).keys()]
      .filter(
        (to) =>
          !/^(node:(path|crypto|zlib)$|src\/(api|calls|convert|bridge\/(pickle|translate))\/|typebox)/.test(
            to,
          ),
      )
      .map((to) => `${path} → ${to}`),
  );
  assert.equal(others, []);
});

test('each client library is imported only by the layers that wrap it', () => {
  const users = (name: string) => [
    ...new Set(
      sourceFiles
        .filter(({ imports }) => imports.some((to) => to.startsWith(name)))
        .map(({ path }) => layerOf(path)),
    ),
  ];
  assert.equal(users('@kubernetes/client-node'), ['controller', 'kube']);
  assert.equal(users('dockerode'), ['docker']);
  assert.equal(users('axios'), ['girder']);
  assert.equal(users('prom-client'), ['runtime']);
  assert.equal(users('@opentelemetry/'), ['support']);
});

test('file names are kebab-case nouns, and no file is a barrel or a catch-all', () => {
  for (const { path } of sourceFiles) {
    assert.match(basename(path), /^[a-z0-9]+(-[a-z0-9]+)*\.tsx?$/);
    assert.not.match(basename(path), /^(index|utils?|helpers?|common|misc|types)\.tsx?$/, path);
  }
});

test('file names are unique, except main.ts', () => {
  const names = sourceFiles.map(({ path }) => basename(path)).filter((name) => name !== 'main.ts');
  assert.equal(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  );
});

test('src has at most 500 files, with a median of at least 85 lines and at most 350 lines each', () => {
  const long = sourceFiles.filter(({ lines }) => lines > 350).map(({ path, lines }) => `${path}: ${lines}`);
  assert.equal(long, []);
  const sorted = sourceFiles.map(({ lines }) => lines).toSorted((a, b) => a - b);
  assert.ok(sorted.length <= 500, `${sorted.length} files`);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  assert.ok(median >= 85, `${median} lines`);
});

test.run();
