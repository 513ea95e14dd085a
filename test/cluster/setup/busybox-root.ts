import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture } from '../command.ts';

const busybox = '/bin/busybox';
const modeOfTmp = 0o1777;

/** Lays out a small root file system: busybox, a link for each of its applets, accounts and a writable /tmp. */
export async function layOutBusyboxRoot(root: string, signal: AbortSignal): Promise<void> {
  for (const directory of ['bin', 'etc', 'root', 'tmp', 'dev', 'proc', 'sys', 'var', 'home']) {
    mkdirSync(join(root, directory), { recursive: true });
  }
  chmodSync(join(root, 'tmp'), modeOfTmp);
  copyFileSync(busybox, join(root, 'bin', 'busybox'));
  chmodSync(join(root, 'bin', 'busybox'), 0o755);
  const applets = (await capture(busybox, ['--list'], signal)).trim().split('\n');
  // busybox lists itself, and a link there would replace the program.
  for (const applet of applets.filter((name) => name !== 'busybox')) {
    symlinkSync('busybox', join(root, 'bin', applet));
  }
  writeFileSync(
    join(root, 'etc', 'passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/sh\n',
  );
  writeFileSync(join(root, 'etc', 'group'), 'root:x:0:\nnogroup:x:65534:\n');
}
