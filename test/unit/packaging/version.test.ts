import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import manifest from '../../../package.json' with { type: 'json' };
import { versionText } from '../../../src/cli/arguments.ts';
import { commonHeaders } from '../../../src/girder/http/transport.ts';
import { revision, userAgent, version } from '../../../src/support/version.ts';

test('the version everywhere is that of package.json', () => {
  const chart = parse(readFileSync('deploy/chart/Chart.yaml', 'utf8')) as Record<string, unknown>;
  assert.is(version, manifest.version);
  assert.is(chart['version'], version);
  assert.is(chart['appVersion'], version);
  assert.is(userAgent, `dockerrun/${version}`);
  assert.is(commonHeaders['User-Agent'], userAgent);
  assert.ok(readFileSync('deploy/install.yaml', 'utf8').includes(`image: dockerrun:${version}\n`));
});

test('a program that runs from source reports the revision source', () => {
  assert.is(revision, 'source');
  assert.is(versionText, `dockerrun ${version} (source)\n`);
});

test.run();
