import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { removeDirectory } from '../../../src/io/remove-tree.ts';
import { createLogger } from '../../../src/support/log.ts';
import { cleanUp } from '../../../src/worker/run-end.ts';

function aLog() {
  const lines: string[] = [];
  return { lines, log: createLogger('warn', { write: (line) => void lines.push(line) }) };
}

test('a neighbour that keeps making files cannot keep a run from ending', async () => {
  const root = mkdtempSync(join(tmpdir(), 'clean-up-'));
  mkdirSync(join(root, 'out'));
  const { lines, log } = aLog();
  let isOver = false;
  const neighbour = (async () => {
    while (!isOver) {
      for (let count = 0; count < 20; count += 1) writeFileSync(join(root, 'out', randomUUID()), '');
      await setImmediate();
    }
  })();
  await cleanUp({ log, milliseconds: 200 }, 'the volumes', (signal) => removeDirectory(root, 'out', signal));
  isOver = true;
  await neighbour;
  assert.match(lines.join(''), /cannot remove the volumes of the run from the node/);
  rmSync(root, { recursive: true });
});

test('a file system that never answers cannot keep a run from ending', async () => {
  const { lines, log } = aLog();
  // As in a worker, where sockets keep the process alive.
  const alive = setInterval(() => undefined, 1000);
  await cleanUp({ log, milliseconds: 10 }, 'the volumes', () => new Promise(() => undefined));
  clearInterval(alive);
  assert.is(lines.length, 1);
});

test('one error of the disk leaves nothing on the node', async () => {
  const { lines, log } = aLog();
  let calls = 0;
  await cleanUp({ log }, 'the volumes', async () => {
    calls += 1;
    if (calls === 1) throw new Error('EIO');
  });
  assert.is(calls, 2);
  assert.equal(lines, []);
});

test('a directory that cannot be removed does not change how the run ends', async () => {
  const { lines, log } = aLog();
  await cleanUp({ log }, 'the volumes', () => Promise.reject(new Error('EIO')));
  assert.match(lines.join(''), /EIO/);
});

test.run();
