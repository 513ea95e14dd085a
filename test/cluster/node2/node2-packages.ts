import { installMissing, type Package } from '../install/packages.ts';
import type { Step } from '../steps.ts';

/** What the second node takes from Debian on this machine, and what for. */
const neededPackages: readonly Package[] = [
  { name: 'mmdebstrap', program: 'mmdebstrap', why: 'makes the root of the second node' },
  { name: 'e2fsprogs', program: 'mke2fs', why: 'makes the disk of the second node' },
  { name: 'openssh-client', program: 'ssh', why: 'runs commands on the second node' },
  { name: 'gcc', program: 'gcc', why: 'builds the kernel of the second node' },
  { name: 'libc6-dev', why: 'builds the kernel of the second node' },
  { name: 'make', program: 'make', why: 'builds the kernel of the second node' },
  { name: 'flex', program: 'flex', why: 'builds the kernel of the second node' },
  { name: 'bison', program: 'bison', why: 'builds the kernel of the second node' },
  { name: 'bc', program: 'bc', why: 'builds the kernel of the second node' },
  { name: 'xz-utils', program: 'xz', why: 'unpacks the kernel’s source' },
];

export const node2PackagesStep: Step = {
  name: 'node packages',
  after: [],
  run: (signal) => installMissing(neededPackages, signal),
};
