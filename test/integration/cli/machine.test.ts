import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { UsageError } from '../../../src/cli/arguments.ts';
import { localRedirects } from '../../../src/cli/local/local-environment.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';

test('on a machine without /proc, `dockerrun run` fails at once and says what it needs', () => {
  using scratch = new ScratchDirectory('machine');
  const file = join(scratch.path, 'run.yaml');
  const run = {
    apiVersion: 'dockerrun.dev/v1alpha1',
    kind: 'DockerRun',
    metadata: { name: 'no-proc' },
    spec: { image: 'busybox:local', command: ['true'] },
  };
  writeFileSync(file, JSON.stringify(run));
  const command = 'mount -t tmpfs none /proc && exec "$0" src/main.ts run "$1"';
  const { status, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', command, process.execPath, file], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.is(status, 64, stderr);
  assert.match(
    stderr,
    /^dockerrun: dockerrun run needs Linux with \/proc, and there is no \/proc here; with --remote it needs only a Docker Engine/,
  );
});

test('the redirects of DOCKERRUN_GIRDER_REDIRECTS are origins, and anything else is refused', () => {
  const redirects = (text: string) => localRedirects({ DOCKERRUN_GIRDER_REDIRECTS: text });
  assert.equal(localRedirects({}), []);
  const two = ['http://minio.example.internal:9000', 'http://10.0.0.1'];
  assert.equal(redirects(`${two.join(', ')},`), two);
  for (const text of ['minio:9000', 'ftp://x', 'http://x/path', 'http://user:word@x', 'http://'])
    assert.throws(
      () => redirects(text),
      (error: unknown) => error instanceof UsageError,
      text,
    );
});

test.run();
