import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { version } from '../../src/support/version.ts';
import { gzip, writeTar } from '../archive.ts';
import { basePackages, writeBaseLayer } from './base-layer.ts';
import { type ImageRecipe, readDockerfile } from './dockerfile.ts';
import { gitRevision, sourceDate } from '../git-state.ts';
import { context, writeImageContext } from '../image-context.ts';
import { type Architecture, architectures } from '../node-binary.ts';
import { digestOf, type Layer, ociLayout, type PlatformImage } from './oci-layout.ts';
import { imageSbom } from './image-sbom.ts';

/**
 * Writes the image of a release from dist/ for all architectures, as a tar file with an OCI layout, and a bill of
 * materials for each. Returns the digest of the image. It needs no Docker: the layers are ours.
 */
export function writeReleaseImage(folder: string, source?: string): string {
  const all = Object.keys(architectures) as Architecture[];
  writeImageContext(all);
  const images = all.map((architecture) => platformImage(architecture, source));
  const { files, digest } = ociLayout(images, version);
  const layout = mkdtempSync(join(context, 'layout-'));
  try {
    for (const [path, content] of files) {
      mkdirSync(dirname(join(layout, path)), { recursive: true });
      writeFileSync(join(layout, path), content);
    }
    writeTar(join(folder, `dockerrun-image-${version}.tar`), { folder: layout, time: sourceDate() });
  } finally {
    rmSync(layout, { recursive: true, force: true });
  }
  for (const architecture of all) {
    const document = imageSbom(readFileSync('dist/sbom.spdx.json', 'utf8'), {
      architecture,
      digest,
      packages: basePackages(architecture),
    });
    writeFileSync(join(folder, `dockerrun-image-${version}-linux-${architecture}.spdx.json`), document);
  }
  return digest;
}

function platformImage(architecture: Architecture, source: string | undefined): PlatformImage {
  const created = new Date(sourceDate() * 1000).toISOString();
  const recipe = recipeOf(architecture, created, source);
  const base = layerOf(writeBaseLayer(architecture, context), 'scripts/release/base-packages.json');
  const ours = recipe.added.map((tar) => layerOf(tar, `ADD ${tar} /`));
  return { architecture, recipe, created, layers: [base, ...ours] };
}

function recipeOf(architecture: Architecture, created: string, source: string | undefined): ImageRecipe {
  const given = { TARGETARCH: architecture, VERSION: version, REVISION: gitRevision(), CREATED: created };
  const recipe = readDockerfile(readFileSync('Dockerfile', 'utf8'), given);
  if (source === undefined) return recipe;
  return { ...recipe, labels: { ...recipe.labels, 'org.opencontainers.image.source': source } };
}

function layerOf(tar: string, createdBy: string): Layer {
  const content = readFileSync(tar);
  return { compressed: gzip(content), diffId: digestOf(content), createdBy };
}
