import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RunError } from '../../../src/support/errors.ts';
import { Pipes } from '../../../src/worker/streams/pipes.ts';
import { aContext, aVolume } from '../../fixtures/builders-worker.ts';

const test = suite<{ root: string }>('pipes');

test.before.each((context) => {
  context.root = mkdtempSync(join(tmpdir(), 'pipes-'));
});
test.after.each(({ root }) => rmSync(root, { recursive: true }));

/** Tries to make a pipe that cannot be made. */
async function failure(root: string, path: string): Promise<RunError> {
  const place = { volume: aVolume('shared', { localPath: root }), path };
  const error: unknown = await new Pipes().make(aContext(), place).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof RunError) return error;
  throw new Error(`a RunError was expected, not ${String(error)}`);
}

test('a pipe that another run has is not to be removed but to be joined', async ({ root }) => {
  const theirs = new Pipes();
  await theirs.make(aContext(), { volume: aVolume('shared', { localPath: root }), path: 'work' });
  const error = await failure(root, 'work');
  assert.is(error.reason, 'FileExists');
  assert.match(error.message, /the pipe work in volume shared .* taken, maybe by the pipe of another run/);
  assert.match(error.sentence, /joins that pipe names it with a volumePath\./);
  assert.match(error.sentence, /when it is no longer in use/);
  assert.equal(readdirSync(root), ['work']);
});

test('a pipe that cannot be where it should be is PipeFailed', async ({ root }) => {
  writeFileSync(join(root, 'file'), '');
  assert.is((await failure(root, 'file/work')).reason, 'PipeFailed');
});

test.run();
