import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { bundledFolders, distinct, lockedPackages } from './bundled-packages.ts';
import { gitRevision, sourceDate } from './git-state.ts';
import { spdxDocument } from './sbom.ts';
import { thirdPartyLicenses } from './third-party-licenses.ts';

/**
 * Bundles the program into dist/, with its bill of materials and the licences of its packages: the image then
 * needs no node_modules and starts in a fraction of the time. The same commit results in the same bytes.
 *
 * An empty module replaces dockerode's packages for image builds (BuildKit, tar) and SSH: they are never
 * called, but take most of the start-up time.
 */
const unused = [
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'protobufjs',
  'ssh2',
  'tar-fs',
  '@balena/dockerignore',
];
const empty = fileURLToPath(new URL('./empty.cjs', import.meta.url));
const revision = gitRevision();

rmSync('dist', { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { dockerrun: 'src/main.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  alias: Object.fromEntries(unused.map((name) => [name, empty])),
  define: { dockerrunRevision: JSON.stringify(revision) },
  // Bundled CommonJS packages still call require for the modules of Node.js.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  // THIRD-PARTY-LICENSES.txt has the whole licences.
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});

const locked = lockedPackages();
const bundled = distinct(bundledFolders(metafile).map(locked));
// The name does not contain the architecture, so that every machine writes the same file.
const node = { ...locked(`node_modules/node-linux-${process.arch}`), name: 'node' };
const sbom = spdxDocument({ bundled, node, revision, created: sourceDate() });
writeFileSync('dist/sbom.spdx.json', `${JSON.stringify(sbom, undefined, 2)}\n`);
writeFileSync('dist/THIRD-PARTY-LICENSES.txt', thirdPartyLicenses([node, ...bundled]));
