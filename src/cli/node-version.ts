import { oldestNode } from '../support/version.ts';
import { UsageError } from './arguments.ts';

/**
 * Commands load packages that an older Node.js cannot load; its own message would name a module. Only the help works
 * there. @throws UsageError
 */
export function checkNode(version = process.versions.node): void {
  const [major = 0, minor = 0] = numbersOf(version);
  const [oldMajor = 0, oldMinor = 0] = numbersOf(oldestNode);
  if (major > oldMajor || (major === oldMajor && minor >= oldMinor)) return;
  throw new UsageError(
    `Node.js ${oldestNode} or newer is needed, and the node in PATH is ${version}: install a newer one from https://nodejs.org or your distribution`,
  );
}

const numbersOf = (version: string) => version.split('.').map(Number);
