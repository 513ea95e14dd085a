import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { recordAt } from '../../../src/kube/json.ts';
import { chart, helm, render } from '../../fixtures/helm.ts';
import { pageBlock } from '../../fixtures/page-blocks.ts';

/** The Docker Engine that the chart runs on nodes without one. */

const engine = 'engine={"enabled":true,"nodeSelector":{"a":"b"},"config":{"bip":"10.9.0.1/24"}}';

const refusalOf = (...settings: string[]) => render(...settings).then(() => 'accepted', String);

const engineOf = async (...settings: string[]) =>
  (await render(...settings)).filter(({ name }) => name === 'dockerrun-engine');

test('it is linted, and nothing of it is there by default', async () => {
  assert.match(await helm(['lint', '--strict', chart, '--set-json', engine]), /0 chart\(s\) failed/);
  assert.equal(await engineOf(), []);
});

test('it is only where its nodes are named, beside the node agent', async () => {
  assert.match(await refusalOf('engine={"enabled":true}'), /engine.enabled requires engine.nodeSelector/);
  assert.match(await refusalOf(engine, 'nodeAgent={"enabled":false}'), /requires nodeAgent.enabled/);
  assert.match(await refusalOf('engine={"containerdSocket":"/var/c.sock"}'), /containerdSocket/);
});

test('the chart takes the values of the page', async () => {
  const values = parse(pageBlock('docs/how-to/nodes-without-docker.md', '# values.yaml')) as {
    engine: unknown;
  };
  assert.is((await engineOf(`engine=${JSON.stringify(values.engine)}`)).length, 2);
});

test('its settings are the JSON of the engine, and its nodes those of the selector', async () => {
  const objects = await engineOf(engine);
  const config = objects.find(({ kind }) => kind === 'ConfigMap');
  assert.is(recordAt(config, 'data')?.['daemon.json'], '{"bip":"10.9.0.1/24"}');
  const spec = recordAt(
    objects.find(({ kind }) => kind === 'DaemonSet'),
    'spec',
  );
  assert.equal(recordAt(recordAt(spec, 'template'), 'spec')?.['nodeSelector'], { a: 'b' });
});

test.run();
