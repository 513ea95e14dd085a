import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import manifest from '../../../package.json' with { type: 'json' };
import { runCli } from '../../../src/cli/main.ts';
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

test('a program that runs from source reports the revision source', async () => {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const stop = new AbortController().signal;
  assert.is(await runCli(['--version'], { environment: {}, stdin, stdout, stderr, stop }), 0);
  assert.is(revision, 'source');
  assert.is(String(stdout.read()), `dockerrun ${version} (source)\n`);
});

test.run();
