import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { layout } from '../cluster/layout.ts';
import { engineImage, loadEngineImage } from '../cluster/node2/engine-image.ts';
import { saveImage } from '../cluster/node2/node-images.ts';
import { onNode2 } from '../cluster/node2/node-shell.ts';
import { node2, node2Files } from '../cluster/node2/node2-layout.ts';
import { busyboxImage } from '../cluster/setup/image-names.ts';
import { bigFile, throughPipe } from '../e2e/support/big-file.ts';
import { Lab, whileHeld } from '../e2e/support/runs.ts';
import { execute, succeed } from '../e2e/support/shell.ts';
import { chart, helm } from '../fixtures/helm.ts';
import { test } from '../fixtures/suite.ts';
import { until } from '../fixtures/until.ts';
import { ForwardedEngine } from './forwarded-engine.ts';
import { engineIs, startNodeWith } from './second-node.ts';

/** The second node without a Docker of its own, and with the engine of the chart instead. It runs alone. */

const shellMs = 60_000;
const imageMs = 600_000;
const rolloutSeconds = 240;
const namespace = `test-engine-${Date.now().toString(36)}`;
const daemonSet = 'daemonset/dockerrun-engine';
const stateOfEngine = '/run/dockerrun-engine';
const data = '/var/lib/dockerrun-engine-test';
let lab: Lab;
let engine: ForwardedEngine | undefined;

const here = (command: string) => onNode2(command, AbortSignal.timeout(shellMs), shellMs / 1_000);
const inNamespace = (...args: string[]) =>
  succeed('kubectl', ['--namespace', namespace, ...args], { seconds: rolloutSeconds + 10 });

/** What the chart installs for the engine, without the rest of the operator, which is there already. */
async function engineManifest(): Promise<string> {
  const values = {
    dockerSocket: layout.dockerSocket,
    kubeletRoot: layout.kubeletRoot,
    nodeAgent: { dockerRoot: data, namespace },
    engine: {
      enabled: true,
      image: { repository: engineImage.split(':')[0], tag: engineImage.split(':')[1], pullPolicy: 'Never' },
      nodeSelector: { 'kubernetes.io/hostname': node2.name },
      config: { bip: node2.dockerBridge },
    },
  };
  const set = Object.entries(values).flatMap(([name, value]) => [
    '--set-json',
    `${name}=${JSON.stringify(value)}`,
  ]);
  const show = ['--show-only', 'templates/engine.yaml'];
  return helm(['template', 'dockerrun', chart, '--namespace', 'dockerrun-system', ...show, ...set]);
}

async function installEngine(): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' };
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'dockerrun-node-agent', namespace },
  };
  const own = [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } }, account];
  const input = [...own.map((each) => stringify(each)), await engineManifest()].join('\n---\n');
  await succeed('kubectl', ['apply', '-f', '-'], { input });
  await untilEngineRuns();
}

async function untilEngineRuns(): Promise<void> {
  const { code, stderr } = await execute(
    'kubectl',
    ['--namespace', namespace, 'rollout', 'status', daemonSet, `--timeout=${rolloutSeconds}s`],
    { seconds: rolloutSeconds + 10 },
  );
  if (code === 0) return;
  const { stdout } = await execute('kubectl', ['--namespace', namespace, 'logs', daemonSet, '--tail=30']);
  throw new Error(`the engine's pod does not become ready: ${stderr}\n${stdout.toString()}`);
}

test.before(async () => {
  lab = await Lab.open('engine-in-pod');
  await startNodeWith('none');
  await here('! command -v dockerd && ! command -v docker');
  await engineIs('unready');
  const signal = AbortSignal.timeout(imageMs);
  await loadEngineImage(signal);
  await installEngine();
  await engineIs('ready');
  engine = await ForwardedEngine.open();
  process.env['DOCKER_HOST'] = engine.host;
  const busybox = join(node2Files.images, await saveImage(busyboxImage, signal));
  await succeed('docker', ['load', '--quiet', '--input', busybox]);
});
test.after(async () => {
  await lab.close();
  await engine?.[Symbol.asyncDispose]();
  await succeed('kubectl', ['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=120s'], {
    seconds: 130,
  });
  await here(`rm -rf ${data}`);
  await startNodeWith(process.env['ENGINE']);
  await engineIs('ready');
});

/** Numbered lines, the last one twice: a target that started again would count again. */
const chatty = `i=0; ${whileHeld('i=$((i+1)); echo "line $i"; sleep 0.2')}; echo "last $i"`;

async function linesOf(name: string): Promise<string[]> {
  return (await lab.output(name)).split('\n').slice(0, -1);
}

/** Ends the run, and checks that its one target lived on. What it wrote while no engine listened is not in the log. */
async function expectUndisturbed(name: string): Promise<void> {
  const count = (await linesOf(name)).length;
  const holds = (lines: string[]) => lines.length > count + 5;
  const patience = { holds, withinMs: 60_000, everyMs: 1_000 };
  await until('the target writes after the engine is back', () => linesOf(name), patience);
  await lab.release(name);
  const end = await lab.ended(name, 120);
  assert.is(end.phase, 'Succeeded', end.message);
  assert.is(end.attempts, 1);
  const lines = await linesOf(name);
  const numbers = lines.map((line) => Number(line.split(' ')[1]));
  assert.is(lines[0], 'line 1');
  assert.is(lines.at(-1), `last ${numbers.at(-2)}`);
  assert.equal(
    numbers,
    numbers.toSorted((one, other) => one - other),
  );
}

test('a node without Docker takes runs with the engine of the chart, whose targets share files and limits with their pods', async () => {
  const file = await bigFile(2 ** 20);
  try {
    await lab.run('round-trip', {
      command: ['sh', '-c', 'cat /proc/self/cgroup /sys/fs/cgroup/memory.max; sha256sum < $(live)'],
      resources: { limits: { memory: '64Mi' } },
      ...throughPipe(file),
    });
    const status = await lab.ended('round-trip', 120);
    assert.is(status.phase, 'Succeeded', status.message);
    const lines = (await lab.output('round-trip')).split('\n');
    assert.equal(lines.slice(1), [String(64 * 2 ** 20), `${file.sha256}  -`, '']);
  } finally {
    await file.remove();
  }
});

test('a target outlives an upgrade of the engine: its run succeeds in one attempt', async () => {
  await lab.run('upgraded', { command: ['sh', '-c', chatty] });
  await lab.running('upgraded');
  await inNamespace('rollout', 'restart', daemonSet);
  await untilEngineRuns();
  await expectUndisturbed('upgraded');
});

test('a target outlives a crash of the engine: its run succeeds in one attempt', async () => {
  await lab.run('crashed', { command: ['sh', '-c', chatty] });
  await lab.running('crashed');
  const pid = (await here(`cat ${stateOfEngine}/docker.pid`)).trim();
  await here(`kill -KILL ${pid}`);
  const isOther = (text: string) => text.trim() !== '' && text.trim() !== pid;
  const look = () => here(`cat ${stateOfEngine}/docker.pid || true`);
  await until('another engine runs', look, { holds: isOther, withinMs: 120_000, everyMs: 1_000 });
  await untilEngineRuns();
  await expectUndisturbed('crashed');
});

test.run();
