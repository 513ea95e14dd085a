import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { removeDirectory } from '../../../src/cli/local/local-volumes.ts';
import { containersNamed, engineSocket, image } from './engine.ts';

const nobody = 65_534;

/** A directory with the files that a target leaves as root, inside a directory of another user. */
async function leftByRoot(): Promise<{ home: string; volume: string }> {
  const home = await mkdtemp(join(tmpdir(), 'removal-'));
  const volume = join(home, 'volume');
  await mkdir(join(volume, 'made', 'by-root'), { recursive: true, mode: 0o755 });
  await writeFile(join(volume, 'made', 'by-root', 'file'), 'x', { mode: 0o600 });
  return { home, volume };
}

/** Runs `work` as a user who may use Docker and is not root. */
async function asNobody<T>(home: string, work: () => Promise<T>): Promise<T> {
  await chown(home, nobody, nobody);
  await chown(join(home, 'volume'), nobody, nobody);
  await chmod(join(home, 'volume'), 0o2777);
  process.setegid?.((await stat(engineSocket())).gid);
  process.seteuid?.(nobody);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

const cleaner = (more: object = {}) => ({
  run: { namespace: 'default', name: 'a', uid: randomUUID() },
  attempt: 'local',
  dockerSocket: engineSocket(),
  image,
  ...more,
});

test('files that a target left as root are removed for a user who is not root', async () => {
  const { home, volume } = await leftByRoot();
  const warnings: string[] = [];
  const used = cleaner();
  await asNobody(home, async () => {
    const alone = await rm(volume, { recursive: true }).catch((error: Error) => error.message);
    assert.match(alone ?? 'removed', 'EACCES');
    await removeDirectory(volume, used, (warning) => warnings.push(warning));
  });
  assert.equal(warnings, []);
  assert.not(existsSync(volume));
  assert.equal(await containersNamed(used.run.uid), []);
  await rm(home, { recursive: true });
});

test('when even the container cannot remove them, the message names what to do', async () => {
  const { home, volume } = await leftByRoot();
  const warnings: string[] = [];
  const used = cleaner({ image: 'nosuch:1' });
  await asNobody(home, () => removeDirectory(volume, used, (warning) => warnings.push(warning)));
  assert.is(warnings.length, 1);
  assert.match(
    warnings[0] ?? '',
    /^cannot remove .*volume: .*EACCES.*; remove it with: sudo rm -rf .*volume$/,
  );
  await rm(home, { recursive: true });
});

test('removing a directory that does not exist succeeds', async () => {
  await removeDirectory(join(tmpdir(), randomUUID()), cleaner(), assert.unreachable);
});

test.run();
