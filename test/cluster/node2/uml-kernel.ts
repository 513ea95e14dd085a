import { copyFileSync, globSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDirectory, fillOnce } from '../install/cache.ts';
import { capture, runLogged } from '../command.ts';
import { layout } from '../layout.ts';
import { printLine } from '../progress.ts';
import type { Step } from '../steps.ts';
import { prepareApt } from './debian-suite.ts';

/** Debian's own User Mode Linux of this version cannot do the firewall of Docker: it is built here from the same source. */
const suite = 'sid';
const sourcePackage = 'linux-source-7.2';
const fragment = 'node2/kernel.config';
const downloadSeconds = 600;
const buildSeconds = 1800;

function directory(): string {
  return cacheDirectory('node2-kernel', [fragment], sourcePackage);
}

/** The kernel, which is an ordinary program. */
export function umlKernel(): string {
  return join(directory(), 'linux');
}

async function unpackSource(scratch: string, signal: AbortSignal): Promise<string> {
  const options = { signal, seconds: downloadSeconds, cwd: scratch };
  const apt = await prepareApt(suite, join(scratch, 'apt'), signal);
  await runLogged('node-kernel-download', ['apt-get', ...apt, 'download', sourcePackage], options);
  const [archive] = globSync(join(scratch, '*.deb'));
  if (archive === undefined) throw new Error(`apt-get download ${sourcePackage} left no package`);
  await capture('dpkg', ['--extract', archive, scratch], signal);
  const source = join(scratch, 'source');
  mkdirSync(source);
  const tar = join(scratch, 'usr', 'src', `${sourcePackage}.tar.xz`);
  const unpack = ['tar', '--extract', '--file', tar, '--directory', source, '--strip-components=1'] as const;
  await runLogged('node-kernel-unpack', unpack, options);
  return source;
}

async function build(source: string, signal: AbortSignal): Promise<void> {
  const options = { signal, seconds: buildSeconds, cwd: source };
  const merge = ['./scripts/kconfig/merge_config.sh', '-m', '.config', join(layout.recipes, fragment)];
  const commands = [
    ['make', 'ARCH=um', 'defconfig'],
    merge,
    ['make', 'ARCH=um', 'olddefconfig'],
    ['nice', 'make', 'ARCH=um', '-j2', 'linux'],
  ] as const;
  for (const [program = '', ...args] of commands) {
    await runLogged('node-kernel-build', [program, ...args], options);
  }
}

/** Builds the kernel once per configuration. */
export const umlKernelStep: Step = {
  name: 'node kernel',
  after: ['node packages'],
  run: (signal) =>
    fillOnce(directory(), async () => {
      printLine('node kernel: building User Mode Linux from Debian’s source; about 4 minutes');
      const scratch = join(directory(), 'scratch');
      mkdirSync(scratch);
      const source = await unpackSource(scratch, signal);
      await build(source, signal);
      copyFileSync(join(source, 'linux'), umlKernel());
      rmSync(scratch, { recursive: true });
    }),
};
