import { spawnSync } from 'node:child_process';
import { version } from '../src/support/version.ts';
import { imageArguments } from './image-arguments.ts';
import { writeImageContext } from './image-context.ts';
import { type Architecture, architectures } from './node-binary.ts';

/** Builds the image from dist/ with the local Docker. Environment: IMAGE, PLATFORM, BASE and SOURCE. */
const { IMAGE, PLATFORM, BASE, SOURCE } = process.env;
const architecture = architectureOf(PLATFORM || process.arch);
writeImageContext([architecture]);
const name = IMAGE || `dockerrun:${version}`;
const options = imageArguments({ name, architecture, base: BASE, source: SOURCE });
const platform = PLATFORM ? ['--platform', `linux/${architecture}`] : [];
const { status } = spawnSync('docker', ['build', ...platform, ...options, '.'], { stdio: 'inherit' });
process.exitCode = status ?? 1;

function architectureOf(given: string): Architecture {
  const wanted = given.replace(/^linux\//, '');
  for (const [ours, npms] of Object.entries(architectures))
    if (wanted === ours || wanted === npms) return ours as Architecture;
  throw new TypeError(
    `PLATFORM must be ${Object.keys(architectures).join(' or ')}, with or without linux/, not "${given}"`,
  );
}
