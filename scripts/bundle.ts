import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { build } from 'esbuild';
import { builderTypes } from './builder-types.ts';
import { bundledFolders, distinct, lockedPackages } from './bundled-packages.ts';
import { gitRevision, sourceDate } from './git-state.ts';
import { jsonSchemas } from './json-schemas.ts';
import { bundlePage } from './page-bundle.ts';
import { npmManifest } from './npm-manifest.ts';
import { builderBundle, programBundle } from './program-bundle.ts';
import { spdxDocument } from './sbom.ts';
import { thirdPartyLicenses } from './third-party-licenses.ts';

/**
 * Bundles the program into dist/, with its bill of materials and the licences of its packages: the image then
 * needs no node_modules and starts in a fraction of the time. Beside it is the builder for other programs, whose
 * packages the program has as well. The same commit results in the same bytes.
 */
const revision = gitRevision();

rmSync('dist', { recursive: true, force: true });
const { metafile } = await build({
  ...programBundle,
  outdir: 'dist',
  define: { dockerrunRevision: JSON.stringify(revision) },
  metafile: true,
});
const page = await bundlePage('dist');

await build({ ...builderBundle, outdir: 'dist' });
for (const { path, content } of builderTypes()) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

const locked = lockedPackages();
const bundled = distinct([metafile, page].flatMap(bundledFolders).map(locked));
// The name does not contain the architecture, so that every machine writes the same file.
const node = { ...locked(`node_modules/node-linux-${process.arch}`), name: 'node' };
const sbom = spdxDocument({ bundled, node, revision, created: sourceDate() });
writeFileSync('dist/sbom.spdx.json', `${JSON.stringify(sbom, undefined, 2)}\n`);
writeFileSync('dist/package.json', npmManifest());
mkdirSync('dist/schemas');
for (const { file, schema } of jsonSchemas())
  writeFileSync(`dist/schemas/${file}`, `${JSON.stringify(schema)}\n`);
copyFileSync('LICENSE', 'dist/LICENSE');
writeFileSync('dist/THIRD-PARTY-LICENSES.txt', thirdPartyLicenses([node, ...bundled]));
