import { ApiProxy } from '../../fixtures/api-proxy.ts';
import type { ControlPlane } from '../../fixtures/control-plane.ts';
import { until } from '../../fixtures/until.ts';
import { paths } from '../../../src/kube/paths.ts';
import { parseObjectMeta } from '../../../src/kube/json.ts';
import { Watched } from './watched.ts';

let count = 0;

/** A cache of the ConfigMaps of one namespace, behind a proxy of its own; a test writes past the proxy. */
export class CacheUnderTest implements AsyncDisposable {
  readonly proxy: ApiProxy;
  readonly watched: Watched;
  readonly #plane: ControlPlane;
  readonly #path: string;

  private constructor(plane: ControlPlane, proxy: ApiProxy, namespace: string) {
    this.#plane = plane;
    this.proxy = proxy;
    this.#path = paths.configMaps(namespace);
    this.watched = new Watched(plane.connect(proxy.url), this.#path);
  }

  /** With ConfigMaps `a` and `b`; `prepare` sets up the faults of the proxy right before the cache starts. */
  static async begin(
    plane: ControlPlane,
    prepare: (proxy: ApiProxy) => void = () => undefined,
  ): Promise<CacheUnderTest> {
    const namespace = `cache-${(count += 1)}`;
    await plane.client.create('/api/v1/namespaces', { metadata: { name: namespace } });
    const proxy = await ApiProxy.start(plane);
    prepare(proxy);
    for (const name of ['a', 'b'])
      await plane.client.create(paths.configMaps(namespace), { metadata: { name }, data: { value: 'one' } });
    return new CacheUnderTest(plane, proxy, namespace);
  }

  /** As `begin`, but the cache has listed and watches, and its records are empty. */
  static async watching(plane: ControlPlane): Promise<CacheUnderTest> {
    const subject = await CacheUnderTest.begin(plane);
    await until('the cache watches', () => subject.watched.cache.connected);
    subject.watched.changes.length = 0;
    subject.watched.notifications.length = 0;
    subject.watched.log.length = 0;
    return subject;
  }

  get contents(): string {
    return this.watched.contents.join();
  }

  async create(name: string, value: string): Promise<string> {
    const body = { metadata: { name }, data: { value } };
    return changeOf(await this.#plane.client.create(this.#path, body));
  }

  async change(name: string, value: string): Promise<string> {
    return changeOf(await this.#plane.client.merge(`${this.#path}/${name}`, { data: { value } }));
  }

  delete(name: string): Promise<void> {
    return this.#plane.client.delete(`${this.#path}/${name}`);
  }

  /** Waits until the cache holds this. */
  async holds(contents: string, withinMs?: number): Promise<void> {
    const options = { holds: (found: string) => found === contents, withinMs };
    await until(`the cache holds ${contents}`, () => this.contents, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watched.stop();
    await this.proxy[Symbol.asyncDispose]();
  }
}

/** In the format in which `Watched` records a change. */
function changeOf(object: unknown): string {
  const { name, resourceVersion } = parseObjectMeta(object);
  return `${name}@${resourceVersion}`;
}
