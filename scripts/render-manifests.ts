import { writeFileSync } from 'node:fs';
import { errorCode } from '../src/support/errors.ts';
import { installManifest } from './install-manifest.ts';

/** Writes deploy/install.yaml with the `helm` in PATH. */
try {
  writeFileSync('deploy/install.yaml', installManifest('helm'));
} catch (error) {
  if (errorCode(error) !== 'ENOENT') throw error;
  console.error('helm is not in PATH: install it, or run make cluster-up, which builds it, and retry');
  process.exitCode = 1;
}
