import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { recordAt } from '../../src/kube/json.ts';
import { endpoints } from '../cluster/network.ts';
import { bodyOf, denial, documentedPolicies } from '../fixtures/network-policies.ts';
import { type Injection, PodInjector } from '../fixtures/pod-injector.ts';
import { PolicyEnforcer } from '../fixtures/policy-enforcer.ts';
import { until } from '../fixtures/until.ts';
import { concurrentTest } from './support/concurrent-tests.ts';
import { inputs, SetLab } from './sets/set-lab.ts';
import { environment } from './support/environment.ts';
import { aFile, anItem, download, filesOf, sha256 } from './support/girder.ts';
import { statesOf } from './support/girder-job.ts';
import { applyWithJob, failed, girderOf } from './support/job-run.ts';
import { Lab, type Manifest, patienceMs, untilReleased } from './support/runs.ts';
import { succeed } from './support/shell.ts';

/**
 * Namespaces that deny all traffic, with NetworkPolicies that are enforced, and with those that docs/namespaces.md
 * gives. The operator's own policies are enforced as well. It runs alone: the enforcement is for the whole cluster.
 */

const test = concurrentTest();
const stack = new AsyncDisposableStack();
const girder = new URL(environment('GIRDER_API_URL'));
/** A namespace without a way out, one with the policies of the documentation, and one whose workers have no way in. */
let shut: Lab;
let allowed: Lab;
let silent: Lab;
let enforcer: PolicyEnforcer;

const { host, port } = endpoints.broker;
/** Ends when the pod can no longer reach what no policy allows, because its rules are there only a moment after it. */
const untilEnforced = `while nc -w 1 -e true ${host} ${port}; do sleep 0.2; done`;

/** Lets the pods of a namespace, workers and cleanups, start when their rules are there. */
async function held(lab: Lab, ...runs: string[]): Promise<void> {
  const waits: Injection = ({ spec = { containers: [] } }) => {
    const command = ['sh', '-c', untilEnforced];
    // The pods of planners do not run as root.
    const securityContext = { runAsUser: 65_532 };
    const first = {
      name: 'wait',
      image: 'busybox:local',
      imagePullPolicy: 'Never',
      command,
      securityContext,
    };
    spec.initContainers = [first, ...(spec.initContainers ?? [])];
  };
  const name = lab.namespace;
  // A cleanup does not have the name of its run.
  const injections = Object.fromEntries([...runs, ''].map((run) => [run, waits]));
  const injector = stack.use(await PodInjector.start(injections));
  await applied(lab, injector.configuration(name, name));
  stack.defer(async () => void (await succeed('kubectl', ['delete', 'mutatingwebhookconfiguration', name])));
}

/** A namespace that denies all traffic but that of these policies. */
async function denied(name: string, policies: (namespace: string) => object[], runs: string[]): Promise<Lab> {
  const lab = await Lab.open(name);
  stack.defer(() => lab.close());
  for (const policy of [bodyOf(denial(lab.namespace)), ...policies(lab.namespace)])
    await applied(lab, policy);
  await held(lab, ...runs);
  return lab;
}

async function applied(lab: Lab, manifest: object): Promise<void> {
  const { code, stderr } = await lab.apply(manifest);
  assert.is(code, 0, stderr);
}

/** The policies of the documentation, for the Girder of the tests. */
function documented(namespace: string): object[] {
  const place = { namespace, cidr: `${girder.hostname}/32`, port: Number(girder.port) };
  return documentedPolicies(place).map(bodyOf);
}

/** The same without the way to the workers' progress. */
function outwards(namespace: string): object[] {
  return documented(namespace).map((policy) => ({
    ...policy,
    spec: { ...recordAt(policy, 'spec'), ingress: [] },
  }));
}

test.before(async () => {
  enforcer = stack.use(new PolicyEnforcer(environment('KUBECONFIG')));
  const operator = denial('dockerrun-system');
  await succeed('kubectl', ['apply', '-f', '-'], { input: JSON.stringify(bodyOf(operator)) });
  stack.defer(async () => {
    await succeed('kubectl', ['delete', 'networkpolicy', operator.name, '--namespace=dockerrun-system']);
  });
  shut = await denied('shut', () => [], ['cut-off']);
  allowed = await denied('allowed', documented, ['copy']);
  silent = await denied('silent', outwards, ['quiet']);
});
test.after(() => stack.disposeAsync());

const half = JSON.stringify({ message: 'half', current: 1, total: 2 });
const input = (fileId: string): Manifest => ({ name: 'in', girderFileIdToVolume: { fileId } });

test('without a way to Girder, a run waits until its start deadline and names the address', async () => {
  await shut.run('cut-off', {
    command: ['true'],
    transforms: [input(await aFile('in.txt', Buffer.from('far')))],
    girder: girderOf(),
    startDeadlineSeconds: 60,
  });
  const { phase, reason, message } = await shut.ended('cut-off');
  assert.equal([phase, reason], ['Failed', 'StartDeadlineExceeded'], `${message}\n${enforcer.log}`);
  assert.match(message ?? '', /Waiting for Girder/);
  assert.match(message ?? '', girder.host);
});

test('with the documented policies, a run copies its data and its progress is seen while it runs', async () => {
  const bytes = randomBytes(3_000_000);
  const [fileId, itemId] = [await aFile('in.bin', bytes), await anItem('out')];
  await allowed.run('copy', {
    command: ['sh', '-c', `cp "$1" "$2"; echo '${half}' > "$3"; ${untilReleased}`, 'copy'],
    args: ['$(in)', '$(out)', '$(progress)'],
    transforms: [
      input(fileId),
      { name: 'out', volumePath: { filename: 'out.bin' } },
      { name: 'progress', progressPipe: {} },
    ],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
    girder: girderOf(),
  });
  await allowed.until('copy', 'shows its progress', {
    holds: ({ status: { progress } }) => progress?.message === 'half',
    withinMs: patienceMs,
  });
  await allowed.release('copy');
  const { phase, message } = await allowed.ended('copy');
  assert.is(phase, 'Succeeded', `${message}\n${enforcer.log}`);
  const [file] = await filesOf(itemId);
  assert.is(sha256(await download(file?._id ?? '')), sha256(bytes));
});

test('with the documented policies, a set lists its inputs and has a result of each', async () => {
  const set = await SetLab.in(allowed);
  const texts = inputs(3);
  await set.addInputs(texts);
  await set.apply('all', { chunk: { items: 3 } });
  const { status } = await set.inPhase('all', 'Complete', patienceMs);
  assert.is(status.items?.done, 3, enforcer.log);
  await set.expectUpperCase(texts);
});

test('without a way to its progress, a run works and shows only its start and its end', async () => {
  const itemId = await anItem('out');
  await silent.run('quiet', {
    command: ['sh', '-c', `echo '${half}' > "$1"; echo done > "$2"`, 'quiet'],
    args: ['$(progress)', '$(out)'],
    transforms: [
      { name: 'progress', progressPipe: {} },
      { name: 'out', volumePath: { filename: 'out.txt' } },
    ],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
    girder: girderOf(),
  });
  const { phase, message } = await silent.ended('quiet');
  assert.is(phase, 'Succeeded', `${message}\n${enforcer.log}`);
  assert.is((await filesOf(itemId)).length, 1);
});

test('with the documented policies, the cleanup of a run that never started ends its job in Girder', async () => {
  const never = { nodeSelector: { nosuch: 'label' }, startDeadlineSeconds: 3 };
  const { job } = await applyWithJob(allowed, 'never', never);
  assert.is((await allowed.ended('never')).reason, 'StartDeadlineExceeded');
  const hasEnded = async () => (await statesOf(job.jobId)).at(-1) === failed;
  await until('the job has ended', hasEnded, { withinMs: patienceMs });
});

test.run();
