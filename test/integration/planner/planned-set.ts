import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import type { PlannerPlan } from '../../../src/api/set/planner-plan.ts';
import { digestOf, filesDigestOf } from '../../../src/api/set/recipe.ts';
import { type Receipt, receiptKey } from '../../../src/api/set/receipt.ts';
import type { DockerRunSetSpec } from '../../../src/api/set/set-spec.ts';
import type { PlannerReport, WindowItem } from '../../../src/api/set/window.ts';
import { inputFiles } from '../../../src/girder/input-files.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { LivePlan } from '../../../src/planner/live-plan.ts';
import { runPass } from '../../../src/planner/pass.ts';
import { aSpec } from '../../fixtures/builders.ts';
import { FaultProxy } from '../../fixtures/fault-proxy.ts';
import { ask, call, girderEnvironment } from '../girder/real-girder.ts';
import { ScratchFolder } from '../girder/scratch-folder.ts';

const never = new AbortController().signal;
const { apiUrl, apiKey } = girderEnvironment();
const silent = pino({ level: 'silent' });

type Spec = {
  readonly source?: Partial<DockerRunSetSpec['source']>;
  readonly results?: Partial<DockerRunSetSpec['results']>;
  readonly args?: string[];
} & Partial<Omit<DockerRunSetSpec, 'source' | 'results' | 'template'>>;

/** What a pass did. */
export type PassResult = {
  readonly report: PlannerReport;
  /** All inputs that were offered, in order. */
  readonly offered: readonly WindowItem[];
  /** The names of the offered inputs with why they run. */
  readonly why: Readonly<Record<string, string>>;
  /** Requests to Girder, sessions not counted. */
  readonly requests: number;
};

export type WorkResult = { readonly fails?: Readonly<Record<string, Partial<Receipt>>> };

/** A set over scratch folders of the real Girder, whose results a simulated worker makes. */
export class PlannedSet implements AsyncDisposable {
  readonly scratch: ScratchFolder;
  readonly sourceId: string;
  readonly resultsId: string;
  readonly name: string;
  readonly #proxy: FaultProxy;
  #pass = 0;
  #version: string | undefined;

  private constructor(
    scratch: ScratchFolder,
    proxy: FaultProxy,
    ids: readonly [string, string],
    name: string,
  ) {
    this.scratch = scratch;
    this.#proxy = proxy;
    [this.sourceId, this.resultsId] = ids;
    this.name = name;
  }

  static async make(name = 'nuclei'): Promise<PlannedSet> {
    const scratch = await ScratchFolder.make();
    const ids = [await scratch.folder('In'), await scratch.folder('Out')] as const;
    return new PlannedSet(scratch, await FaultProxy.start(apiUrl), ids, name);
  }

  /** Another set in the same scratch folder. */
  other(name: string, ids: readonly [string, string] = [this.sourceId, this.resultsId]): PlannedSet {
    return new PlannedSet(this.scratch, this.#proxy, ids, name);
  }

  get proxy(): FaultProxy {
    return this.#proxy;
  }

  plan(spec: Spec = {}, more: Partial<PlannerPlan> = {}): PlannerPlan {
    const { source, results, args = ['$(item)'], ...rest } = spec;
    const folder = results?.place === 'Input' ? {} : { folder: { id: this.resultsId } };
    return {
      set: { namespace: 'pathology', name: this.name, uid: randomUUID() },
      pass: (this.#pass += 1),
      retryFailed: false,
      spec: {
        girder: { apiUrl: this.#proxy.url, credentialsSecretRef: { name: 'girder' } },
        source: { folder: { id: this.sourceId }, recursive: true, each: 'Item', settleSeconds: 0, ...source },
        results: {
          ...folder,
          createFolder: true,
          place: 'Mirror',
          log: 'Always',
          whenInputIsGone: 'Mark',
          ...results,
        },
        template: { spec: aSpec({ args }) },
        parallelism: 10,
        retries: 2,
        canary: 3,
        ...rest,
      },
      ...more,
    };
  }

  /** Runs a pass to its end, or to its failure, as the controller would: it acknowledges all, and says done after `work`. */
  async pass(
    spec: Spec = {},
    more: Partial<PlannerPlan> = {},
    work: (offered: readonly WindowItem[]) => Promise<void> = async () => undefined,
  ): Promise<PassResult> {
    const plan = this.plan(spec, more);
    this.#version = plan.spec.version;
    const live = new LivePlan();
    const before = this.#proxy.seen.length;
    const onTrouble = () => (live.troubles += 1);
    const access = { apiUrl: plan.spec.girder.apiUrl, credentials: { apiKey }, onTrouble };
    const client = await openGirder({ ...access, signal: never });
    const offered: WindowItem[] = [];
    let working: Promise<void> | undefined;
    let isWorked = false;
    const controller = setInterval(() => {
      const { items, state } = live.snapshot('pod', plan.pass);
      offered.push(...items);
      if (state === 'Draining') working ??= work(offered).then(() => void (isWorked = true));
      live.acknowledge(items.at(-1)?.seq ?? 0, isWorked);
    }, 5);
    try {
      await runPass({ plan, client, live, log: silent, signal: never });
    } finally {
      clearInterval(controller);
      await client.close();
    }
    const data = this.#proxy.seen.slice(before).filter(({ url }) => !/\/(token|api_key)\b/.test(url));
    const why = Object.fromEntries(offered.map(({ item, why: reason }) => [item.name, reason]));
    return { report: live.snapshot('pod', plan.pass), offered, why, requests: data.length };
  }

  /** Makes the results of the offered inputs, as a worker does. */
  async work(offered: readonly WindowItem[], { fails = {} }: WorkResult = {}): Promise<void> {
    for (const { item } of offered) await this.#result(item, fails[item.name]);
  }

  async #result({ id, name, recipe, updated, size, result }: WindowItem['item'], failure?: Partial<Receipt>) {
    const { admin } = this.scratch;
    const made = await call(admin, 'POST', ['item'], { ...result, reuseExisting: 'true' });
    const each = await this.#kindOf(id);
    const files = await inputFiles(admin, { each, id }, never);
    const filesDigest = filesDigestOf(files);
    const receipt: Receipt = {
      set: `pathology/${this.name}`,
      input: {
        id,
        name,
        ...(updated === undefined ? {} : { updated }),
        ...(size === undefined ? {} : { size }),
        files,
        filesDigest,
      },
      recipe,
      digest: digestOf(recipe, filesDigest),
      state: failure === undefined ? 'Succeeded' : 'Failed',
      attempts: 1,
      image: 'busybox',
      run: 'pathology/chunk',
      ...(this.#version === undefined ? {} : { version: this.#version }),
      finishedAt: new Date().toISOString(),
      ...failure,
    };
    await this.setReceipt(String(made['_id']), receipt);
  }

  async #kindOf(id: string): Promise<'Item' | 'Folder'> {
    const isItem = await ask(this.scratch.admin, 'GET', ['item', id]).then(
      () => true,
      () => false,
    );
    return isItem ? 'Item' : 'Folder';
  }

  async setReceipt(itemId: string, receipt: unknown): Promise<void> {
    const metadata = JSON.stringify({ [receiptKey]: receipt });
    await ask(this.scratch.admin, 'PUT', ['item', itemId], { metadata });
  }

  /** The metadata of the results folder that is for the set. */
  async notice(): Promise<Record<string, unknown>> {
    const folder = await call(this.scratch.admin, 'GET', ['folder', this.resultsId]);
    return (folder['meta'] as Record<string, Record<string, unknown>>)[receiptKey] ?? {};
  }

  async setNotice(notice: unknown): Promise<void> {
    const metadata = JSON.stringify({ [receiptKey]: notice });
    await ask(this.scratch.admin, 'PUT', ['folder', this.resultsId], { metadata });
  }

  /** The real Girder behind a server that leaves these items out of all lists. */
  async hiding(
    ids: readonly string[],
  ): Promise<AsyncDisposable & { readonly girder: DockerRunSetSpec['girder'] }> {
    const server = createServer((incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        void forwarded(incoming, Buffer.concat(chunks), ids).then(
          ({ status, text }) => outgoing.writeHead(status, { 'content-type': 'application/json' }).end(text),
          () => outgoing.destroy(),
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const address = `http://127.0.0.1:${port}${new URL(apiUrl).pathname}`;
    return {
      girder: { apiUrl: address, credentialsSecretRef: { name: 'girder' } },
      [Symbol.asyncDispose]: async () => {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  /** Replaces the bytes of a file, as a user of Girder does. */
  async replace(fileId: string, text: string): Promise<void> {
    const headers = { 'Girder-Token': await this.#token() };
    const size = String(Buffer.byteLength(text));
    const signal = AbortSignal.timeout(20_000);
    const begun = await fetch(`${apiUrl}/file/${fileId}/contents?size=${size}`, {
      method: 'PUT',
      headers,
      signal,
    });
    const { _id: uploadId } = (await begun.json()) as { _id: string };
    const url = `${apiUrl}/file/chunk?uploadId=${uploadId}&offset=0`;
    const octets = { ...headers, 'Content-Type': 'application/octet-stream' };
    await fetch(url, { method: 'POST', headers: octets, body: text, signal });
  }

  /** The item with that path below the results. */
  async resultId(path: string, folderId = this.resultsId): Promise<string> {
    const [name = '', ...rest] = path.split('/');
    const { admin } = this.scratch;
    const parent = rest.length === 0 ? { folderId } : { parentType: 'folder', parentId: folderId };
    const kind = rest.length === 0 ? 'item' : 'folder';
    const [found] = (await ask(admin, 'GET', [kind], { ...parent, name })) as Listed[];
    if (found === undefined) throw new Error(`there is no ${path}`);
    return rest.length === 0 ? found._id : this.resultId(rest.join('/'), found._id);
  }

  async #token(): Promise<string> {
    const { authToken } = await call(this.scratch.admin, 'POST', ['api_key', 'token'], { key: apiKey });
    return (authToken as { token: string }).token;
  }

  /** The names of the items below a folder, with their receipts, by their path. */
  async tree(folderId = this.resultsId, path = ''): Promise<Record<string, Receipt | undefined>> {
    const { admin } = this.scratch;
    const items = (await ask(admin, 'GET', ['item'], { folderId, limit: 0 })) as Listed[];
    const folders = (await ask(admin, 'GET', ['folder'], {
      parentType: 'folder',
      parentId: folderId,
      limit: 0,
    })) as Listed[];
    const own = items.map(({ name, meta }) => [`${path}${name}`, meta[receiptKey] as Receipt | undefined]);
    const inner = await Promise.all(folders.map(({ _id, name }) => this.tree(_id, `${path}${name}/`)));
    const all = [...own, ...inner.flatMap((below) => Object.entries(below))];
    return Object.fromEntries(all) as Record<string, Receipt | undefined>;
  }

  /** The lines of a report, without the header. */
  async csv({ report }: PassResult): Promise<string[]> {
    const { itemId = '', name } = report.report ?? {};
    const files = (await ask(this.scratch.admin, 'GET', ['item', itemId, 'files'])) as Listed[];
    const file = files.find((one) => one.name === name);
    const headers = { 'Girder-Token': await this.#token() };
    const answer = await fetch(`${apiUrl}/file/${file?._id}/download`, {
      headers,
      signal: AbortSignal.timeout(20_000),
    });
    return (await answer.text()).split('\r\n').slice(1, -1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

type Listed = {
  readonly _id: string;
  readonly name: string;
  readonly meta: Readonly<Record<string, unknown>>;
};

async function forwarded(
  { method = 'GET', url = '', headers }: IncomingMessage,
  sent: Buffer<ArrayBuffer>,
  hidden: readonly string[],
): Promise<{ readonly status: number; readonly text: string }> {
  const passed = {
    'girder-token': String(headers['girder-token'] ?? ''),
    'content-type': headers['content-type'] ?? '',
  };
  const body = method === 'GET' ? null : sent;
  const answer = await fetch(new URL(url, apiUrl), {
    method,
    headers: passed,
    body,
    signal: AbortSignal.timeout(20_000),
  });
  const text = await answer.text();
  if (!/\/item\?/.test(url) || !answer.ok) return { status: answer.status, text };
  const items = (JSON.parse(text) as Listed[]).filter(({ _id }) => !hidden.includes(_id));
  return { status: answer.status, text: JSON.stringify(items) };
}
