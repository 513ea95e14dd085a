import * as assert from 'uvu/assert';
import type { DockerRunSetStatus } from '../../../src/api/set/set-status.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import type { Manifest } from '../support/runs.ts';
import { succeed } from '../support/shell.ts';
import { rolePid } from '../support/worker-process.ts';
import { type SetLab, SetLabs, upperCase } from './set-lab.ts';

const test = concurrentTest();
const labs = new SetLabs();

test.after(() => labs.close());

/** A target that fails for inputs whose name matches a pattern of the shell. */
const failingFor = (pattern: string): Manifest => ({
  ...upperCase,
  command: ['sh', '-c', `case "$2" in ${pattern}) echo broken >&2; exit 3;; esac; ${upperCase.command[2]}`],
});

/** The message of the condition Paused, if it holds. */
function pauseOf({ conditions = [] }: DockerRunSetStatus): string {
  return conditions.find(({ type, status }) => type === 'Paused' && status === 'True')?.message ?? '';
}

test('a set pauses at its failure budget, names the reason, and does only what failed after a retry', async () => {
  const lab = await labs.open('set-budget', 30);
  await lab.apply('budget', {
    template: { spec: failingFor('*[05].txt') },
    failureBudget: { percent: 10 },
    chunk: { items: 5 },
  });
  const { status } = await lab.inPhase('budget', 'Paused');
  assert.match(pauseOf(status), /TargetFailed/);
  assert.is(status.failures?.[0]?.reason, 'TargetFailed');
  assert.match(status.failures?.[0]?.examples[0]?.name ?? '', /slide-00.*[05]\.txt/);
  await lab.patch('budget', { template: { spec: { command: upperCase.command } }, failureBudget: null });
  await lab.inPhase('budget', 'Complete');
  const states = [...(await lab.resultItems()).values()].map(({ receipt }) => receipt?.state);
  assert.equal(
    states,
    Array.from({ length: 30 }, () => 'Succeeded'),
  );
});

test('what failed for good is tried again only with a new retryFailed', async () => {
  const lab = await labs.open('set-retry', 6);
  await lab.apply('retry', { template: { spec: failingFor('*3.txt') } });
  const first = await lab.inPhase('retry', 'Complete');
  assert.equal([first.status.items?.done, first.status.items?.failed], [5, 1]);
  const before = await lab.resultItems();
  await lab.patch('retry', { retryFailed: 'once more' });
  await lab.until('retry', 'has tried again', ({ status }) => {
    return status.phase === 'Complete' && status.pass?.retryFailed === 'once more';
  });
  const after = await lab.resultItems();
  const again = [...after].filter(([path, { receipt }]) => {
    return receipt?.finishedAt !== before.get(path)?.receipt?.finishedAt;
  });
  assert.equal(
    again.map(([path]) => path),
    ['case-0000/slide-0003.txt'],
  );
});

test('a typo in the arguments costs as many inputs as the canary has', async () => {
  const lab = await labs.open('set-canary', 12);
  await lab.apply('canary', {
    template: { spec: { ...upperCase, command: ['no-such-program'] } },
    canary: 3,
    failureBudget: { consecutive: 3 },
  });
  const { status } = await lab.inPhase('canary', 'Paused');
  assert.match(status.message ?? '', /no-such-program|TargetFailed|cannot start|not found/i);
  const tried = [...(await lab.resultItems()).values()];
  assert.ok(tried.length <= 3, `${tried.length} inputs were tried`);
});

test('an input that runs out of memory runs again with the next limit of escalate, and no other does', async () => {
  const lab = await labs.open('set-memory', 4);
  const needs = 'case "$2" in *2.txt) dd if=/dev/zero of=/dev/null bs=64M count=1;; esac';
  await lab.apply('memory', {
    template: {
      spec: {
        ...upperCase,
        command: ['sh', '-ec', `${needs}; ${upperCase.command[2]}`],
        resources: { limits: { memory: '32Mi' } },
      },
    },
    escalate: { onOOM: ['160Mi'] },
  });
  await lab.until('memory', 'has done all', ({ status }) => {
    return status.phase === 'Complete' && status.items?.done === 4;
  });
  const attempts = [...(await lab.resultItems())].map(([path, { receipt }]) => [path, receipt?.attempts]);
  assert.equal(
    attempts.toSorted(),
    [0, 1, 2, 3].map((number) => [`case-0000/slide-000${number}.txt`, number === 2 ? 2 : 1]),
  );
});

test('an input that kills its worker ends alone, and the others are done', async () => {
  const lab = await labs.open('set-poison', 6);
  // The pod is deleted with force as soon as the poisonous input runs, whatever attempt it is.
  await lab.apply('poison', {
    template: {
      spec: {
        ...upperCase,
        command: ['sh', '-c', `case "$2" in *4.txt) sleep 600;; esac; ${upperCase.command[2]}`],
      },
    },
    chunk: { items: 6 },
    retries: 0,
    parallelism: 1,
  });
  const kills = await killPoisoned(lab);
  assert.ok(kills >= 1);
  const { status } = await lab.get('poison');
  assert.equal([status.items?.done, status.items?.failed], [5, 1]);
  const poisoned = (await lab.resultItems()).get('case-0000/slide-0004.txt');
  assert.is(poisoned?.receipt?.reason, 'WorkerLost');
});

/** Kills each worker whose target sleeps, until the set is complete; returns how many it killed. */
async function killPoisoned(lab: SetLab): Promise<number> {
  const killed = new Set<number>();
  let killing: Promise<void> | undefined;
  const over = await lab.until('poison', 'is complete', ({ status }) => {
    killing ??= killSleeping(killed)
      .catch(() => undefined)
      .finally(() => (killing = undefined));
    return status.phase === 'Complete';
  });
  assert.is(over.status.phase, 'Complete');
  return killed.size;
}

async function killSleeping(killed: Set<number>): Promise<void> {
  const format = '{{.Label "dockerrun.dev/attempt"}} {{.Label "dockerrun.dev/run"}}';
  const filter = ['--filter', 'label=dockerrun.dev/run-uid', '--no-trunc', '--format', `${format} {{.ID}}`];
  for (const line of (await succeed('docker', ['ps', ...filter])).split('\n')) {
    const [podUid = '', run = '', container = ''] = line.split(' ');
    if (!run.includes('set-poison')) continue;
    const processes = await succeed('docker', ['top', container, '-o', 'pid,args']);
    if (!processes.includes('sleep 600')) continue;
    const pid = await rolePid(podUid, 'worker');
    if (killed.has(pid)) continue;
    killed.add(pid);
    process.kill(pid, 'SIGKILL');
  }
}

test.run();
