import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { customResourceDefinition } from '../../../src/api/crd.ts';
import { isRecord } from '../../../src/api/json-values.ts';
import { group, kind, plural, version } from '../../../src/api/names.ts';
import { until } from '../../fixtures/until.ts';
import { environment } from '../../e2e/support/environment.ts';
import { succeed } from '../../e2e/support/shell.ts';

/** The object that the API server would store, or its refusal. */
export type Verdict = { readonly stored: Record<string, unknown> } | { readonly refusal: string };

/**
 * The real API server with the schema of this code, in an API group of its own, so that an installed CRD has
 * no effect. Runs are never stored: every request for one is a dry run.
 */
export class SchemaServer implements AsyncDisposable {
  readonly #address: string;
  readonly #group: string;
  #leftovers = new AsyncDisposableStack();

  private constructor(address: string, ownGroup: string) {
    this.#address = address;
    this.#group = ownGroup;
  }

  static async open(): Promise<SchemaServer> {
    environment('KUBECONFIG');
    const ownGroup = `t${randomBytes(4).toString('hex')}.${group}`;
    const name = `${plural}.${ownGroup}`;
    await using leftovers = new AsyncDisposableStack();
    await succeed('kubectl', ['create', '-f', '-'], { input: definition(ownGroup) });
    leftovers.defer(async () => void (await succeed('kubectl', ['delete', 'crd', name, '--wait=false'])));
    const proxy = spawn('kubectl', ['proxy', '--port=0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    leftovers.defer(() => void proxy.kill());
    const address = await new Promise<string>((resolve, reject) => {
      proxy.on('exit', () => reject(new Error('kubectl proxy has ended')));
      proxy.stdout.on('data', (line: Buffer) => resolve(/127\.0\.0\.1:\d+/.exec(line.toString())?.[0] ?? ''));
    });
    const server = new SchemaServer(address, ownGroup);
    await server.#served();
    server.#leftovers = leftovers.move();
    return server;
  }

  /** The result of `kubectl create --dry-run=server --validate=strict` for a spec. */
  async verdict(spec: unknown, more: Record<string, unknown> = {}): Promise<Verdict> {
    const { status, answer } = await this.#post(spec, more);
    if (!isRecord(answer)) throw new Error(`the API server answered ${status}`);
    if (status === 201 && isRecord(answer['spec'])) return { stored: answer['spec'] };
    if (status === 400 || status === 422) return { refusal: String(answer['message']) };
    throw new Error(`the API server answered ${status}: ${String(answer['message'])}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leftovers.disposeAsync();
  }

  async #post(spec: unknown, more: Record<string, unknown>): Promise<{ status: number; answer: unknown }> {
    const path = `apis/${this.#group}/${version}/namespaces/default/${plural}`;
    const response = await fetch(`http://${this.#address}/${path}?dryRun=All&fieldValidation=Strict`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        apiVersion: `${this.#group}/${version}`,
        kind,
        metadata: { name: 'schema' },
        spec,
        ...more,
      }),
      signal: AbortSignal.timeout(30_000),
    });
    return { status: response.status, answer: await response.json().catch(() => undefined) };
  }

  /** A new resource is established, and then served, shortly after its creation. */
  async #served(): Promise<void> {
    await until('a run is accepted', () => this.#post({ image: 'a' }, {}), {
      ...{ holds: ({ status }) => status === 201, withinMs: 30_000, everyMs: 100 },
    });
  }
}

function definition(ownGroup: string): string {
  const crd = JSON.parse(JSON.stringify(customResourceDefinition())) as {
    metadata: { name: string };
    spec: { group: string; names: { shortNames?: string[] } };
  };
  crd.metadata.name = `${plural}.${ownGroup}`;
  crd.spec.group = ownGroup;
  delete crd.spec.names.shortNames;
  return JSON.stringify(crd);
}
