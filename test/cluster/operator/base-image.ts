import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { capture } from '../command.ts';
import { docker, imageExists } from './docker-cli.ts';

/** Stands in for debian:bookworm-slim where no registry of images is at hand; the tag changes with its contents. */
export const baseImage = 'dockerrun-base:with-mkfifo';

/** The one program of coreutils that the worker calls: Node cannot make a named pipe. */
const mkfifo = '/usr/bin/mkfifo';

/** Makes a base image of mkfifo and the libraries that it and `program` are linked with, from this very machine. */
export async function makeBaseImage(program: string, signal: AbortSignal): Promise<void> {
  if (await imageExists(baseImage, signal)) return;
  const scratch = mkdtempSync(join(tmpdir(), 'dockerrun-base-'));
  try {
    const root = join(scratch, 'root');
    const libraries = [...(await librariesOf(program, signal)), ...(await librariesOf(mkfifo, signal))];
    for (const file of new Set([...libraries, mkfifo])) {
      mkdirSync(join(root, dirname(file)), { recursive: true });
      copyFileSync(file, join(root, file));
    }
    mkdirSync(join(root, 'etc'), { recursive: true });
    mkdirSync(join(root, 'tmp'), { mode: 0o1777 });
    writeFileSync(
      join(root, 'etc/passwd'),
      'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n',
    );
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n');
    const tar = join(scratch, 'root.tar');
    await capture('tar', ['--create', '--file', tar, '--numeric-owner', '--directory', root, '.'], signal);
    await docker(['import', tar, baseImage], signal);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function librariesOf(program: string, signal: AbortSignal): Promise<string[]> {
  const output = await capture('ldd', [program], signal);
  return [...output.matchAll(/(?:=> )?(\/\S+) \(0x/g)].flatMap(([, path]) =>
    path === undefined ? [] : [path],
  );
}
