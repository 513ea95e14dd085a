import { randomBytes } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { connect, type Connection } from '../../../src/kube/connection.ts';
import { requestJson } from '../../../src/kube/request.ts';
import { paths } from '../../../src/kube/paths.ts';
import { until } from '../../fixtures/until.ts';
import { Watched } from './watched.ts';

const signal = AbortSignal.timeout(60_000);
const label = `dockerrun-test-${randomBytes(4).toString('hex')}`;

/** A namespace on the real API server, which is deleted with its contents at the end. */
class Namespace implements AsyncDisposable {
  readonly connection: Connection;

  private constructor(connection: Connection) {
    this.connection = connection;
  }

  static async make(): Promise<Namespace> {
    if (process.env['KUBECONFIG'] === undefined)
      throw new Error('KUBECONFIG is not set: run make cluster-up and source .cluster/env');
    const connection = await connect();
    const body = { metadata: { name: label } };
    await requestJson(connection, { method: 'POST', path: '/api/v1/namespaces', body, signal });
    return new Namespace(connection);
  }

  create(name: string, value: string): Promise<unknown> {
    const body = { metadata: { name, labels: { [label]: 'yes' } }, data: { value } };
    return requestJson(this.connection, { method: 'POST', path: paths.configMaps(label), body, signal });
  }

  change(name: string, value: string): Promise<unknown> {
    return requestJson(this.connection, {
      ...{ method: 'PATCH', path: `${paths.configMaps(label)}/${name}`, signal },
      ...{ contentType: 'application/merge-patch+json', body: { data: { value } } },
    });
  }

  delete(name: string): Promise<unknown> {
    return requestJson(this.connection, {
      method: 'DELETE',
      path: `${paths.configMaps(label)}/${name}`,
      signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const path = `/api/v1/namespaces/${label}`;
    await requestJson(this.connection, { method: 'DELETE', path, signal });
    this.connection.agent.destroy();
  }
}

test('the cache follows what is created, changed and deleted on the real API server', async () => {
  await using namespace = await Namespace.make();
  await namespace.create('a', 'one');
  await namespace.create('b', 'one');
  await using watched = new Watched(namespace.connection, paths.configMaps(), {
    labelSelector: `${label}=yes`,
  });
  await until('the list is in the cache', () => watched.cache.synced);
  assert.equal(watched.contents, ['a=one', 'b=one']);
  await namespace.create('c', 'one');
  await namespace.change('a', 'two');
  await namespace.delete('b');
  await until('the events are in the cache', () => watched.contents.join(), {
    holds: (all) => all === 'a=two,c=one',
  });

  const answer = await namespace.change('a', 'three');
  watched.cache.absorb(answer);
  assert.ok(watched.contents.includes('a=three'));

  // As when a load balancer drops its connections.
  for (const socket of Object.values(namespace.connection.agent.sockets).flat()) socket?.destroy();
  await namespace.change('c', 'two');
  await until('the watch resumes after its connection broke', () => watched.contents.join(), {
    holds: (all) => all === 'a=three,c=two',
  });
});

test.run();
