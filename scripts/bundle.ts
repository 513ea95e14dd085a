import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Bundles the program into dist/, so that the image needs no node_modules and starts in a fraction of the time.
 * dockerode's packages for image builds (BuildKit, tar) and SSH are replaced by an empty module: nothing here calls
 * them, and they are most of its start-up time.
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

rmSync('dist', { recursive: true, force: true });
await build({
  entryPoints: { dockerrun: 'src/main.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  alias: Object.fromEntries(unused.map((name) => [name, empty])),
  // CommonJS packages in an ES module bundle still call require for Node's own modules.
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  legalComments: 'linked',
  logLevel: 'warning',
});
