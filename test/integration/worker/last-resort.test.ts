import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/** Runs a process with this defect, whose stdout and stderr are closed. */
async function defect(kind: string): Promise<{ code: unknown; message: string }> {
  const path = join(import.meta.dirname, 'defective-worker.ts');
  const child = spawn(process.execPath, [path, kind], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  child.stdout?.destroy();
  child.stderr?.destroy();
  const message = text(child.stdio[3] as Readable);
  const [code] = (await once(child, 'exit')) as [unknown];
  return { code, message: await message };
}

test('an uncaught exception ends the worker with its own exit code and a termination message', async () => {
  const { code, message } = await defect('exception');
  assert.is(code, 68);
  assert.match(message, /^WorkerFailed: .*JSON/);
});

test('an unhandled rejection ends the worker in the same way', async () => {
  assert.equal(await defect('rejection'), { code: 68, message: 'WorkerFailed: nobody waits' });
});

test('a log that cannot be written does not end the worker', async () => {
  assert.equal(await defect('log'), { code: 0, message: '' });
});

test.run();
