import { randomBytes } from 'node:crypto';
import { parse } from 'yaml';
import { admissionBinding, admissionPolicy } from '../../../src/api/policy/admission-policy.ts';
import { apiVersion, group, kind } from '../../../src/api/names.ts';
import { policyKind } from '../../../src/api/policy/crd.ts';
import { connect, type Connection } from '../../../src/kube/connection.ts';
import { isNotFound, KubeError } from '../../../src/kube/kube-error.ts';
import { requestJson } from '../../../src/kube/request.ts';
import { paths } from '../../../src/kube/resources.ts';
import { parseObjectMeta } from '../../../src/kube/wire.ts';
import { environment } from '../../e2e/support/environment.ts';

const patienceMs = 30_000;
const label = `${group}/test-admission`;
const registration = '/apis/admissionregistration.k8s.io/v1';
const admissionPolicies = `${registration}/validatingadmissionpolicies`;
const bindings = `${registration}/validatingadmissionpolicybindings`;
const deadline = () => AbortSignal.timeout(patienceMs);

/** A namespace in which a DockerRunPolicy of its own counts at admission. */
export type Site = { readonly namespace: string; readonly spec: unknown };

/** What comes before the sentence of a ValidatingAdmissionPolicy. */
const denied = ' denied request: ';

/** The ValidatingAdmissionPolicy on the real API server, for namespaces of its own only; all is gone at the end. */
export class AdmissionLab implements AsyncDisposable {
  readonly #id = randomBytes(4).toString('hex');
  readonly #made: string[] = [];
  readonly connection: Connection;

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  /** On the cluster of KUBECONFIG, unless a connection to another is given. */
  static async open(connection?: Connection): Promise<AdmissionLab> {
    if (connection === undefined) environment('KUBECONFIG');
    const lab = new AdmissionLab(connection ?? (await connect()));
    await lab.#create(admissionPolicies, admissionPolicy(lab.#name('rules')));
    return lab;
  }

  /** Makes a namespace in which the policy in YAML counts; `ready` says when it does. */
  async site(yaml: string, suffix = 'other'): Promise<Site> {
    const spec: unknown = parse(yaml) ?? {};
    const namespace = this.#name(`${this.#made.length}-${suffix}`);
    const metadata = { name: namespace, labels: { [label]: namespace } };
    await this.#create('/api/v1/namespaces', { metadata });
    await this.#create(paths.policies(), {
      apiVersion,
      kind: policyKind,
      metadata: { name: namespace },
      spec,
    });
    await this.#create(
      bindings,
      admissionBinding({
        ...{ name: namespace, policy: this.#name('rules'), params: namespace },
        matchLabels: { [label]: namespace },
      }),
    );
    return { namespace, spec };
  }

  /** Waits until what was made before counts: a policy that refuses something and was made last does. */
  async ready(): Promise<void> {
    const site = await this.site('images: []', 'canary');
    await this.until(site, { image: 'busybox' }, (refusal) => refusal !== undefined);
    // The API server takes in new bindings together, about once a second.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
  }

  /** Replaces the policy of a site. */
  async change({ namespace }: Site, spec: unknown): Promise<void> {
    await requestJson(this.connection, {
      ...{ method: 'PATCH', path: `${paths.policies()}/${namespace}`, signal: deadline() },
      ...{
        contentType: 'application/json-patch+json',
        body: [{ op: 'replace', path: '/spec', value: spec }],
      },
    });
  }

  /** What the API server says against a run with this spec: nothing, or the policy's sentence. */
  async refusal({ namespace }: Site, spec: unknown): Promise<string | undefined> {
    const body = { apiVersion, kind, metadata: { name: 'try' }, spec };
    return this.refusalOf({ method: 'POST', path: paths.dockerRuns(namespace), body });
  }

  /** The same of any request that changes something, which is not carried out. */
  async refusalOf(request: {
    method: 'POST' | 'PATCH' | 'DELETE';
    path: string;
    body?: unknown;
    contentType?: string;
  }): Promise<string | undefined> {
    try {
      const query = { dryRun: 'All', fieldValidation: 'Strict' };
      await requestJson(this.connection, { ...request, query, signal: deadline() });
      return undefined;
    } catch (error) {
      if (!(error instanceof KubeError) || !error.message.includes(denied)) throw error;
      return error.message.slice(error.message.indexOf(denied) + denied.length);
    }
  }

  /** Asks until the answer is as expected, and gives how long that took. */
  async until(
    site: Site,
    spec: unknown,
    isExpected: (refusal: string | undefined) => boolean,
  ): Promise<number> {
    const began = performance.now();
    for (;;) {
      const refusal = await this.refusal(site, spec);
      const elapsed = performance.now() - began;
      if (isExpected(refusal)) return elapsed;
      if (elapsed > patienceMs) throw new Error(`not within ${patienceMs} ms; now it is: ${refusal}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** The ValidatingAdmissionPolicy, as it is now. */
  async rules(): Promise<unknown> {
    const path = `${admissionPolicies}/${this.#name('rules')}`;
    return requestJson(this.connection, { method: 'GET', path, signal: deadline() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of this.#made.toReversed()) {
      await requestJson(this.connection, { method: 'DELETE', path, signal: deadline() }).catch(
        (error: unknown) => {
          if (!isNotFound(error)) throw error;
        },
      );
    }
    this.connection.agent.destroy();
  }

  #name(suffix: string): string {
    return `policy-${this.#id}-${suffix}`;
  }

  async #create(path: string, body: object): Promise<void> {
    const made = await requestJson(this.connection, { method: 'POST', path, body, signal: deadline() });
    this.#made.push(`${path}/${parseObjectMeta(made).name}`);
  }
}
