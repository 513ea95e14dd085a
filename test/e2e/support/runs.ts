import { type DockerRunStatus, isTerminalPhase } from '../../../src/api/status.ts';
import { connect } from '../../../src/kube/connection.ts';
import { paths } from '../../../src/kube/paths.ts';
import { KubeClient } from '../../fixtures/kube-client.ts';
import { until, type UntilOptions } from '../../fixtures/until.ts';
import { environment } from './environment.ts';
import { execute, failed, type Finished, succeed } from './shell.ts';
import { placement } from './test-node.ts';

/** The spec as a user writes it; the API server validates it. */
export type Manifest = Record<string, unknown>;

export type StoredRun = { metadata: { uid: string; name: string }; status: DockerRunStatus };

/** How long a test of the whole cluster waits for a state; it includes the start and the end of pods. */
export const patienceMs = 180_000;

/** `Lab.release` creates this file in the target. */
const goFile = '/mnt/girder_worker/temporary/go';

/** A script that repeats `commands` until `Lab.release`, so that the test, and not a clock, decides how long it runs. */
export const whileHeld = (commands: string) => `while [ ! -e ${goFile} ]; do ${commands}; done`;

export const untilReleased = whileHeld('sleep 0.1');

const runOf = (name: string, spec: Manifest) => ({
  ...{ apiVersion: 'dockerrun.dev/v1alpha1', kind: 'DockerRun', metadata: { name } },
  spec: { image: 'busybox:local', imagePullPolicy: 'Never', ...placement, ...spec },
});

/** A namespace for a test file, with a Secret `girder` that contains the admin's key. */
export class Lab {
  readonly namespace: string;
  /** What is read again and again is read with this one: each kubectl takes a tenth of a second of a processor. */
  readonly client: KubeClient;

  private constructor(namespace: string, client: KubeClient) {
    this.namespace = namespace;
    this.client = client;
  }

  static async open(name: string): Promise<Lab> {
    environment('KUBECONFIG');
    const lab = new Lab(`test-${name}-${Date.now().toString(36)}`, new KubeClient(await connect()));
    await succeed('kubectl', ['create', 'namespace', lab.namespace]);
    await lab.secret('girder', { apiKey: environment('GIRDER_API_KEY') });
    return lab;
  }

  /** Deletes the namespace, with all runs in it. */
  async close(seconds = 180): Promise<void> {
    const args = ['delete', 'namespace', this.namespace, `--timeout=${seconds}s`];
    await succeed('kubectl', args, { seconds: seconds + 10 });
  }

  kubectl(...args: string[]): Promise<string> {
    return succeed('kubectl', ['--namespace', this.namespace, ...args]);
  }

  async secret(name: string, data: Record<string, string>): Promise<void> {
    const literals = Object.entries(data).map(([key, value]) => `--from-literal=${key}=${value}`);
    await this.kubectl('create', 'secret', 'generic', name, ...literals);
  }

  /** Applies any manifest as a user would; does not throw when kubectl fails. */
  apply(manifest: unknown, ...options: string[]): Promise<Finished> {
    return execute('kubectl', ['--namespace', this.namespace, 'apply', '-f', '-', ...options], {
      input: JSON.stringify(manifest),
    });
  }

  /** Applies a DockerRun of the local busybox image; throws if the API server rejects it. */
  async run(name: string, spec: Manifest): Promise<void> {
    const { code, stderr } = await this.apply(runOf(name, spec));
    if (code !== 0) throw new Error(`kubectl apply of ${name}: ${stderr}`);
  }

  /**
   * The message with which the API server refuses a run. It is asked with a dry run, and again while the webhook
   * does not answer in time: `kubectl apply` sends nothing for a run that is stored and has not changed.
   */
  refusal(name: string, spec: Manifest): Promise<string> {
    return this.refusalOf(runOf(name, spec));
  }

  /** As `refusal`, for any manifest. */
  async refusalOf(manifest: unknown): Promise<string> {
    const ask = () => this.apply(manifest, '--dry-run=server');
    const { stderr } = await until('the manifest is refused', ask, {
      ...{ holds: ({ code }) => code === 1, withinMs: 120_000, everyMs: 500 },
    });
    return stderr;
  }

  /**
   * Lets runs of the namespace be stored without a review, as while no controller answers: the controller
   * refuses them.
   */
  async withoutAdmission(): Promise<void> {
    await succeed('kubectl', ['label', 'namespace', this.namespace, 'dockerrun.dev/admission=disabled']);
  }

  async get(name: string): Promise<StoredRun> {
    const stored = (await this.client.get(`${paths.dockerRuns(this.namespace)}/${name}`)) as StoredRun;
    return { ...stored, status: stored.status ?? {} };
  }

  /** Polls a run of the namespace until it has a state. */
  until(name: string, what: string, options: UntilOptions<StoredRun>): Promise<StoredRun> {
    const read = () => this.get(name);
    return until(`${name} ${what}`, read, { withinMs: patienceMs, everyMs: 100, ...options });
  }

  async ended(name: string, seconds?: number): Promise<DockerRunStatus> {
    const isOver = ({ status }: StoredRun) => isTerminalPhase(status.phase);
    const withinMs = seconds === undefined ? patienceMs : seconds * 1_000;
    return (await this.until(name, 'has ended', { holds: isOver, withinMs })).status;
  }

  /** Waits until the target of a run runs, in another container than that of `before`. */
  async running(name: string, before?: StoredRun): Promise<StoredRun> {
    const old = before?.status.target?.containerID;
    const holds = ({ status: { phase, target } }: StoredRun) =>
      phase === 'Running' && target?.containerID !== undefined && target.containerID !== old;
    return this.until(name, 'has a running target', { holds });
  }

  /** Releases a target that waits with `untilReleased`; with `before`, the target of a later attempt. */
  async release(name: string, before?: StoredRun): Promise<void> {
    const { status } = await this.running(name, before);
    await releaseContainer(status.target?.containerID ?? '');
  }

  /** The raw log of the run's latest pod. */
  async log(name: string): Promise<Buffer> {
    const { status } = await this.get(name);
    const args = ['--namespace', this.namespace, 'logs', status.podName ?? ''];
    const { code, stdout, stderr } = await execute('kubectl', args, { seconds: 120 });
    if (code !== 0) throw new Error(`kubectl logs of ${name} ended with ${code}: ${stderr.trim()}`);
    return stdout;
  }

  /** The output of the target in that log, without the warnings of a worker that waits for Girder. */
  async output(name: string): Promise<string> {
    return withoutWarnings((await this.log(name)).toString());
  }

  async events(name: string): Promise<{ type: string; reason: string; message: string }[]> {
    const selector = `involvedObject.kind=DockerRun,involvedObject.name=${name}`;
    const list = await this.kubectl('get', 'events', '--field-selector', selector, '-o', 'json');
    return (JSON.parse(list) as { items: { type: string; reason: string; message: string }[] }).items;
  }
}

/** Removes the worker's own warnings, JSON objects that may start in the middle of a line of the target. */
export function withoutWarnings(log: string): string {
  return log.replace(/\{"level":.*\n/g, '');
}

/**
 * Ends the wait of a target that runs `whileHeld`, in the engine at `socketPath` or the usual one. `docker exec` ends
 * with 126 and no message when the target sees the file and ends before the engine has followed the exec: then the
 * target is released, whatever the exec says.
 */
export async function releaseContainer(id: string, socketPath?: string): Promise<void> {
  const engine = socketPath === undefined ? [] : ['--host', `unix://${socketPath}`];
  const touch = [...engine, 'exec', id, 'touch', goFile];
  const finished = await execute('docker', touch);
  if (finished.code === 0) return;
  const { stdout } = await execute('docker', [...engine, 'inspect', '--format', '{{.State.Running}}', id]);
  if (stdout.toString().trim() === 'true') throw failed('docker', touch, finished);
}

/** The ids of all containers of a run in the Docker Engine, in any state. */
export async function containersOf(runUid: string): Promise<string[]> {
  const filter = `label=dockerrun.dev/run-uid=${runUid}`;
  const ids = await succeed('docker', ['ps', '--all', '--no-trunc', '--quiet', '--filter', filter]);
  return ids.split('\n').filter((id) => id !== '');
}
