import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Metafile } from 'esbuild';

const page = fileURLToPath(new URL('../src/ui/page', import.meta.url));

/** How esbuild makes the page of `dockerrun ui`: one script, without packages from elsewhere at run time. */
const pageBundle = {
  entryPoints: { page: join(page, 'page-main.tsx') },
  bundle: true,
  platform: 'browser',
  target: 'es2022',
  format: 'iife',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** Writes the page to `<directory>/ui`. */
export async function bundlePage(directory: string): Promise<Metafile> {
  const outdir = join(directory, 'ui');
  mkdirSync(outdir, { recursive: true });
  const { metafile } = await build({ ...pageBundle, outdir, metafile: true });
  for (const file of ['page.html', 'page.css', 'icon.svg']) cpSync(join(page, file), join(outdir, file));
  return metafile;
}
