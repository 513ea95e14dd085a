import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { customResourceDefinition } from '../../../src/api/crd.ts';
import { isRecord } from '../../../src/api/json-values.ts';
import { listAt, recordAt } from '../../../src/kube/json.ts';
import { execute, type Finished } from '../../e2e/support/shell.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { argoKeys, argoScripts } from '../../fixtures/gitops-page.ts';
import { pageBlock } from '../../fixtures/page-blocks.ts';
import { createRun, moveTo, placeNamed } from '../../fixtures/placed-runs.ts';
import { places } from '../../fixtures/runs-by-place.ts';

let plane: ControlPlane;

test.before(async () => {
  plane = await startControlPlane();
  for (const [run, place] of Object.entries(runs)) {
    const found = placeNamed(places, place);
    await createRun(plane, run, { spec: found.spec ?? {} });
    await moveTo(plane, run, found);
  }
  await createRun(plane, 'unseen');
});
test.after(() => plane.close());

const runs = {
  done: 'Succeeded',
  bad: 'Failed with TargetFailed',
  hungry: 'Failed with OOMKilled',
  busy: 'Running',
  held: 'Suspended',
} as const;

/** For commands that return at once, also on a busy machine. */
const longEnough = '30s';

/** Runs a command line of the page in a shell, for another run, with a short `--timeout`. */
function shell(script: string, run = 'segment', patience = '2s'): Promise<Finished> {
  const commands = script.replaceAll('dockerrun/segment', `dockerrun/${run}`);
  const impatient = commands.replaceAll(/--timeout=\S+/g, `--timeout=${patience}`);
  return execute('env', [`KUBECONFIG=${plane.kubeconfig}`, 'sh', '-c', impatient]);
}

async function output(script: string): Promise<string> {
  const { code, stdout, stderr } = await shell(script);
  assert.is(code, 0, stderr);
  return stdout.toString();
}

/** The cells of each line of a table of kubectl. */
function cells(table: string): string[][] {
  const lines = table.trimEnd().split('\n');
  return lines.map((line) => line.split(/ {2,}/).map((cell) => cell.trim()));
}

test('kubectl get shows the phase, progress, node and exit code of each run', async () => {
  const [head, ...rows] = cells(await output('kubectl get dr'));
  assert.equal(head, ['NAME', 'PHASE', 'PROGRESS', 'NODE', 'EXIT', 'AGE']);
  const shown = Object.fromEntries(rows.map(([name = '', ...row]) => [name, row.slice(0, -1)]));
  assert.equal(shown['busy'], ['Running', '41%', 'node-1']);
  assert.equal(shown['done'], ['Succeeded', '100%', 'node-1', '0']);
  assert.equal(shown['held'], ['Suspended']);
});

test('kubectl get -o wide shows the reason and the message', async () => {
  const [head = [], ...rows] = cells(await output('kubectl get dr -o wide'));
  for (const column of ['REASON', 'ATTEMPTS', 'IMAGE', 'POD', 'MESSAGE']) assert.ok(head.includes(column));
  const failed = rows.find(([name]) => name === 'hungry')?.join(' ') ?? '';
  assert.match(failed, /OOMKilled.*busybox:1\.36.*The reason is OOMKilled\./);
});

for (const [line, names] of [
  ['kubectl get dockerruns --field-selector status.phase=Failed\n', ['bad', 'hungry']],
  [
    'kubectl get dockerruns --field-selector status.phase=Failed,status.reason=OOMKilled -o wide\n',
    ['hungry'],
  ],
] as const) {
  test(`the API server selects runs: ${line.trim()}`, async () => {
    assert.ok(pageBlock('docs/gitops.md', '--field-selector').includes(line));
    const [, ...rows] = cells(await output(line));
    assert.equal(rows.map(([name]) => name).toSorted(), [...names]);
  });
}

const anyEnd = pageBlock('docs/gitops.md', '{.status.phase}: {.status.message}');
const oneEnd = pageBlock('docs/gitops.md', "'{.status.phase}'=Running");
const scripted = pageBlock('docs/gitops.md', 'set -e');

for (const [run, text] of [
  ['done', /^Succeeded: The target ended with exit code 0\.$/m],
  ['bad', /^Failed: The reason is TargetFailed\.$/m],
] as const) {
  test(`waiting for any end returns at once with the end: ${run}`, async () => {
    const { code, stdout, stderr } = await shell(anyEnd, run, longEnough);
    assert.is(code, 0, stderr);
    assert.match(stdout.toString(), text);
  });
}

test('waiting for any end does not return before the end', async () => {
  const [wait = ''] = anyEnd.split('\n');
  for (const run of ['busy', 'held', 'unseen']) {
    const { code, stderr } = await shell(wait, run);
    assert.is(code, 1, run);
    assert.match(stderr, /timed out/);
  }
});

const waits = oneEnd.trimEnd().split('\n');

for (const [index, met] of [
  [0, ['done']],
  [1, ['bad', 'hungry']],
  [2, ['busy']],
] as const) {
  const line = waits[index] ?? '';
  test(`waiting returns only for ${met.join(' and ')}: ${line}`, async () => {
    const all = [...Object.keys(runs), 'unseen'];
    const patience = (run: string) => (met.some((one) => one === run) ? longEnough : '2s');
    const ends = await Promise.all(all.map((run) => shell(line, run, patience(run))));
    const said = all.map((run, at) => `${run}: exit code ${ends[at]?.code}, ${ends[at]?.stderr}`).join('');
    assert.equal(
      all.filter((_, at) => ends[at]?.code === 0),
      [...met],
      said,
    );
  });
}

test('the script fails when the run fails, and continues when it succeeds', async () => {
  assert.is((await shell(scripted, 'done', longEnough)).code, 0);
  assert.is.not((await shell(scripted, 'bad')).code, 0);
});

test('a wait sees the end when it happens', async () => {
  await createRun(plane, 'coming');
  const waiting = execute('env', [
    `KUBECONFIG=${plane.kubeconfig}`,
    ...['kubectl', 'wait', 'dr/coming', '--for=condition=Complete', '--timeout=30s'],
  ]);
  await moveTo(plane, 'coming', placeNamed(places, 'Running'));
  await moveTo(plane, 'coming', placeNamed(places, 'Succeeded'));
  const { code, stderr } = await waiting;
  assert.is(code, 0, stderr);
});

test('the command of the page adds its keys to the ConfigMap of Argo CD, and keeps the others', async () => {
  await output('kubectl create namespace argocd');
  await output('kubectl --namespace argocd create configmap argocd-cm --from-literal=url=https://argo');
  await output(pageBlock('docs/gitops.md', 'patch configmap'));
  const stored: unknown = await plane.client.get('/api/v1/namespaces/argocd/configmaps/argocd-cm');
  const data = recordAt(stored, 'data');
  assert.is(data['url'], 'https://argo');
  assert.is(data[argoKeys.health], argoScripts().health);
  const ofSets = Object.values(argoKeys).map((key) => `${key}Set`);
  assert.equal(Object.keys(data).toSorted(), [...Object.values(argoKeys), ...ofSets, 'url'].toSorted());
});

test('the API server accepts the hook run of the page', async () => {
  const { code, stderr } = await execute(
    'env',
    [
      `KUBECONFIG=${plane.kubeconfig}`,
      'kubectl',
      'create',
      '--dry-run=server',
      '--validate=strict',
      '-f',
      '-',
    ],
    { input: pageBlock('docs/gitops.md', 'hook: PostSync') },
  );
  assert.is(code, 0, stderr);
});

/** The paths of the fields below a schema that have no description. */
function undescribed(schema: Record<string, unknown>, path: string): string[] {
  const fields = Object.entries(recordAt(schema, 'properties'));
  return fields.flatMap(([name, field]) => {
    if (!isRecord(field)) return [];
    const here = `${path}.${name}`;
    const items = recordAt(field, 'items');
    const values = recordAt(field, 'additionalProperties');
    const own = typeof field['description'] === 'string' && field['description'] !== '' ? [] : [here];
    return [...own, ...undescribed(field, here), ...undescribed(items, here), ...undescribed(values, here)];
  });
}

test('kubectl explain has a description of every field of spec and status', async () => {
  const [version] = listAt(recordAt(customResourceDefinition(), 'spec'), 'versions');
  const { openAPIV3Schema } = recordAt(version, 'schema');
  assert.ok(isRecord(openAPIV3Schema));
  const plain: unknown = JSON.parse(JSON.stringify(openAPIV3Schema));
  assert.ok(isRecord(plain));
  assert.equal(undescribed(plain, 'dockerrun'), []);
  for (const part of ['spec', 'status']) {
    const explained = await output(`kubectl explain dockerrun.${part}`);
    const fields = Object.keys(recordAt(recordAt(recordAt(plain, 'properties'), part), 'properties'));
    for (const field of fields) assert.match(explained, new RegExp(`^  ${field}\\t<.*\\n +\\S`, 'm'));
  }
});

test.run();
