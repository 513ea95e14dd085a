import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';

/**
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

const inSource = (file: string) => fileURLToPath(new URL(`../src/${file}`, import.meta.url));

/** How esbuild makes one program of src, which starts with `dockerrun.mjs`; kubectl starts `kubectl-complete.mjs`. */
export const programBundle = {
  entryPoints: {
    dockerrun: inSource('main.ts'),
    'kubectl-complete': inSource('kubectl-complete.ts'),
  },
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  alias: Object.fromEntries(unused.map((name) => [name, empty])),
  // Bundled CommonJS packages still call require for the modules of Node.js.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  // THIRD-PARTY-LICENSES.txt has the whole licences.
  legalComments: 'none',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** What other programs import: `dockerRun` and its classes, in one module of its own. */
export const builderBundle = {
  entryPoints: { builder: fileURLToPath(new URL('../src/builder/main.ts', import.meta.url)) },
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  legalComments: 'none',
  logLevel: 'warning',
} as const satisfies BuildOptions;
