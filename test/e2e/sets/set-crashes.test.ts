import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { test } from '../../fixtures/suite.ts';
import { succeed } from '../support/shell.ts';
import { rolePid } from '../support/worker-process.ts';
import type { StartedTargets } from '../../integration/worker/crash/started-targets.ts';
import { followTargets, inputs, SetLab, upperCase } from './set-lab.ts';

/** More by hand: 2,000 take about half an hour on two processors. */
const count = Number(process.env['DOCKERRUN_TEST_SET_ITEMS'] ?? 60);

/** With more inputs there are more kills, over all of the time. */
const scale = Math.max(1, count / 200);
const patienceMs = Math.max(400_000, count * 2_000);

let lab: SetLab;
let targets: StartedTargets;
const texts = inputs(count);

test.before(async () => {
  lab = await SetLab.open('set-crashes');
  await lab.addInputs(texts);
  targets = await followTargets();
});
test.after(async () => {
  targets[Symbol.dispose]();
  await lab.close();
});

type Pod = { metadata: { uid: string; name: string; namespace: string }; status: { phase: string } };

async function pods(...args: string[]): Promise<Pod[]> {
  const list = await succeed('kubectl', ['get', 'pods', '-o', 'json', ...args]);
  return (JSON.parse(list) as { items: Pod[] }).items.filter(({ status }) => status.phase === 'Running');
}

type Kind = 'controller' | 'planner' | 'worker';

async function podsOf(kind: Kind): Promise<Pod[]> {
  if (kind === 'controller') return pods('--all-namespaces', '-l', 'app.kubernetes.io/component=controller');
  const all = await pods('--namespace', lab.lab.namespace);
  return all.filter(({ metadata }) => isPlanner(metadata.name) === (kind === 'planner'));
}

/** Kills one process of a kind that runs now, if there is one; returns whether it did. */
async function killOne(kind: Kind): Promise<boolean> {
  const found = await podsOf(kind);
  const pod = found[Math.floor(Math.random() * found.length)];
  if (pod === undefined) return false;
  const role = kind === 'controller' ? kind : 'worker';
  const pid = await rolePid(pod.metadata.uid, role).catch(() => undefined);
  if (pid === undefined) return false;
  process.kill(pid, 'SIGKILL');
  return true;
}

const isPlanner = (name: string) => name.includes('-plan-');

/** Kubernetes and the controller wait longer and longer before they replace what keeps failing. */
const mostKills: Readonly<Record<Kind, number>> = { controller: 3, planner: 2, worker: 4 };

async function killUntil(over: AbortSignal, killed: Record<Kind, number>): Promise<void> {
  const kinds = ['worker', 'planner', 'worker', 'controller'] as const;
  for (let turn = 0; !over.aborted && turn < 40 * scale; turn += 1) {
    const kind = kinds[turn % kinds.length] ?? 'worker';
    if (killed[kind] >= mostKills[kind] * scale) continue;
    await sleep((2_000 + Math.random() * 3_000) * scale);
    if (!over.aborted && (await killOne(kind))) killed[kind] += 1;
  }
}

test('every input has one receipt and the right result, whichever process is killed', async () => {
  await lab.apply('crashed', {
    template: { spec: { ...upperCase, command: ['sh', '-c', `sleep 0.3; ${upperCase.command[2]}`] } },
    chunk: { items: 10 },
    retries: 20,
  });
  const killed = { controller: 0, planner: 0, worker: 0 };
  const over = new AbortController();
  const killing = killUntil(over.signal, killed);
  const { status } = await lab.inPhase('crashed', 'Complete', patienceMs).finally(() => over.abort());
  await killing;
  assert.ok(killed.worker > 0, JSON.stringify(killed));
  assert.is(status.items?.done, count);
  await lab.expectUpperCase(texts);
  console.log(`killed ${JSON.stringify(killed)} in a set of ${count} inputs`);
});

test('no attempt ran the target of an input twice', () => {
  const starts = targets.startsIn(lab.lab.namespace);
  assert.ok(starts.length >= count, `${starts.length} targets`);
  const twice = starts.filter((start, index) => starts.indexOf(start) !== index);
  assert.equal(twice, []);
});

test.run();
