import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { RunError } from '../../../src/support/errors.ts';
import { Pipes } from '../../../src/worker/streams/pipes.ts';
import { aContext, aVolume } from '../../fixtures/builders-worker.ts';

const test = suite<{ root: string }>('pipes');

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'pipes-'));
});
test.after.each(({ root }) => rmSync(root, { recursive: true }));

/** The failure to create a pipe. */
async function failure(root: string, path: string): Promise<RunError> {
  const place = { volume: aVolume('shared', { localPath: root }), path };
  const error: unknown = await new Pipes().make(aContext(), place).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof RunError) return error;
  throw new Error(`a RunError was expected, not ${String(error)}`);
}

test('the message for a pipe of another run suggests to join it before removing it', async ({ root }) => {
  const theirs = new Pipes();
  await theirs.make(aContext(), { volume: aVolume('shared', { localPath: root }), path: 'work' });
  const error = await failure(root, 'work');
  assert.is(error.reason, 'FileExists');
  assert.match(
    error.message,
    /the pipe work in volume shared: the name is taken, maybe by the pipe of another run/,
  );
  assert.match(error.sentence, /joins that pipe names it with a volumePath\./);
  assert.match(error.sentence, /when it is no longer in use/);
  assert.equal(readdirSync(root), ['work']);
});

test('a pipe below a regular file fails with PipeFailed', async ({ root }) => {
  writeFileSync(join(root, 'file'), '');
  assert.is((await failure(root, 'file/work')).reason, 'PipeFailed');
});

test.run();
