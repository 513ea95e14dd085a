import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { recordAt, textAt } from '../../../src/kube/json.ts';
import { helmBinaries } from '../../cluster/install/go-binaries.ts';
import { until } from '../../fixtures/until.ts';
import { execute, type Finished } from '../../e2e/support/shell.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { pageBlock } from '../../fixtures/page-blocks.ts';
import { moveTo, placeNamed, runsPath } from '../../fixtures/placed-runs.ts';
import { places } from '../../fixtures/runs-by-place.ts';

let plane: ControlPlane;
let chart: string;

test.before(async () => {
  plane = await startControlPlane();
  chart = mkdtempSync(join(tmpdir(), 'dockerrun-chart-'));
  mkdirSync(join(chart, 'templates'));
  writeFileSync(join(chart, 'Chart.yaml'), stringify({ apiVersion: 'v2', name: 'lab', version: '1.0.0' }));
  const head = 'apiVersion: dockerrun.dev/v1alpha1\nkind: DockerRun\n';
  writeFileSync(join(chart, 'templates', 'run.yaml'), head + pageBlock('docs/gitops.md', 'In a Helm chart'));
});
test.after(async () => {
  rmSync(chart, { recursive: true, force: true });
  await plane.close();
});

function helm(...args: string[]): Promise<Finished> {
  const kubeconfig = `--kubeconfig=${plane.kubeconfig}`;
  return execute(join(helmBinaries(), 'helm'), [...args, kubeconfig, '--namespace=default']);
}

/** Installs or upgrades a release whose run has these arguments, and waits for it. */
function release(name: string, argument: string): Promise<Finished> {
  const values = `run=${JSON.stringify({ image: 'busybox:1.36', args: [argument] })}`;
  return helm('upgrade', '--install', name, chart, '--wait', '--timeout=5m', '--set-json', values);
}

/** The name of the run with this argument, as soon as it exists. */
async function runWith(argument: string): Promise<string> {
  const hasArgument = (run: unknown) => {
    const { args } = recordAt(run, 'spec');
    return Array.isArray(args) && args.includes(argument);
  };
  const find = async () => (await plane.client.list(runsPath)).find(hasArgument);
  const found = await until(`Helm makes a run with ${argument}`, find, { withinMs: 120_000, everyMs: 50 });
  return textAt(recordAt(found, 'metadata'), 'name') ?? '';
}

test('helm --wait returns when the run has succeeded, and not before', async () => {
  let hasReturned = false;
  const releasing = release('good', 'first').finally(() => (hasReturned = true));
  const run = await runWith('first');
  await sleep(1_500);
  assert.not(hasReturned, 'no controller has seen the run');
  await moveTo(plane, run, placeNamed(places, 'Running'));
  await sleep(1_500);
  assert.not(hasReturned, 'the run is still running');
  await moveTo(plane, run, placeNamed(places, 'Succeeded'));
  const { code, stderr } = await releasing;
  assert.is(code, 0, stderr);
});

test('an upgrade creates a run with a new name, waits for it, and removes the old one', async () => {
  const before = await runWith('first');
  const releasing = release('good', 'second');
  const run = await runWith('second');
  assert.is.not(run, before);
  assert.match(run, /^segment-[0-9a-f]{8}$/);
  await moveTo(plane, run, placeNamed(places, 'Succeeded'));
  const { code, stderr } = await releasing;
  assert.is(code, 0, stderr);
  const names = (await plane.client.list(runsPath)).map((one) => textAt(recordAt(one, 'metadata'), 'name'));
  assert.equal(names, [run]);
});

test('helm --wait fails when the run fails', async () => {
  const releasing = release('bad', 'third');
  const started = Date.now();
  await moveTo(plane, await runWith('third'), placeNamed(places, 'Failed with TargetFailed'));
  const { code, stderr } = await releasing;
  assert.is.not(code, 0);
  assert.match(stderr, /DockerRun/);
  assert.ok(Date.now() - started < 240_000, 'before its timeout');
});

test.run();
