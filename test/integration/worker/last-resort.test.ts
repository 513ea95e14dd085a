import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/** Runs a process with that defect whose output nobody reads any more. */
async function defect(kind: string): Promise<{ code: unknown; said: string }> {
  const path = join(import.meta.dirname, 'defective-worker.ts');
  const child = spawn(process.execPath, [path, kind], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  child.stdout?.destroy();
  child.stderr?.destroy();
  const said = text(child.stdio[3] as Readable);
  const [code] = (await once(child, 'exit')) as [unknown];
  return { code, said: await said };
}

test('an exception nobody catches ends the worker with its own exit code and a termination message', async () => {
  const { code, said } = await defect('exception');
  assert.is(code, 68);
  assert.match(said, /^WorkerFailed: .*JSON/);
});

test('a rejection nobody waits for does so, too', async () => {
  assert.equal(await defect('rejection'), { code: 68, said: 'WorkerFailed: nobody waits' });
});

test('a log that cannot be written ends nothing', async () => {
  assert.equal(await defect('log'), { code: 0, said: '' });
});

test.run();
