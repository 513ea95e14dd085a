import { createHash } from 'node:crypto';
import type { ImageRecipe } from './dockerfile.ts';
import type { Architecture } from '../node-binary.ts';

/** A layer as a registry stores it, and the sum of the tar in it. */
export type Layer = {
  readonly compressed: Buffer;
  /** `sha256:…` */
  readonly diffId: string;
  /** What made it, for `docker history`. */
  readonly createdBy: string;
};

export type PlatformImage = {
  readonly architecture: Architecture;
  readonly layers: readonly Layer[];
  readonly recipe: Omit<ImageRecipe, 'added'>;
  /** In the form of RFC 3339. */
  readonly created: string;
};

export type OciLayout = {
  /** Contents by path, in the order in which they were made. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** Of the index of both platforms: what a registry shows, and what a Deployment can name. */
  readonly digest: string;
};

type Descriptor = { mediaType: string; digest: string; size: number; [field: string]: unknown };

const oci = (kind: string) => `application/vnd.oci.image.${kind}`;

/**
 * The files of an OCI image layout (https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md) with one
 * image for several platforms. It depends on nothing but its arguments.
 */
export function ociLayout(images: readonly PlatformImage[], tag: string): OciLayout {
  const files = new Map<string, Buffer>();
  const add = (mediaType: string, content: Buffer): Descriptor => {
    const digest = digestOf(content);
    files.set(`blobs/${digest.replace(':', '/')}`, content);
    return { mediaType, digest, size: content.length };
  };
  const addJson = (mediaType: string, content: object) => add(mediaType, json(content));
  const manifests = images.map((image) => {
    const config = addJson(oci('config.v1+json'), configOf(image));
    const layers = image.layers.map(({ compressed }) => add(oci('layer.v1.tar+gzip'), compressed));
    const mediaType = oci('manifest.v1+json');
    const manifest = { schemaVersion: 2, mediaType, config, layers, annotations: image.recipe.labels };
    const platform = { architecture: image.architecture, os: 'linux' };
    return { ...addJson(mediaType, manifest), platform };
  });
  const indexType = oci('index.v1+json');
  const annotations = images[0]?.recipe.labels ?? {};
  const index = addJson(indexType, { schemaVersion: 2, mediaType: indexType, manifests, annotations });
  const names = {
    'org.opencontainers.image.ref.name': tag,
    // containerd gives it the name that install.yaml has.
    'io.containerd.image.name': `docker.io/library/dockerrun:${tag}`,
  };
  const named = { ...index, annotations: names };
  files.set('index.json', json({ schemaVersion: 2, mediaType: indexType, manifests: [named] }));
  files.set('oci-layout', json({ imageLayoutVersion: '1.0.0' }));
  return { files, digest: index.digest };
}

export function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function json(content: object): Buffer {
  return Buffer.from(JSON.stringify(content));
}

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md */
function configOf({ architecture, layers, recipe, created }: PlatformImage): object {
  return {
    created,
    architecture,
    os: 'linux',
    config: {
      User: recipe.user,
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      Entrypoint: recipe.entrypoint,
      Labels: recipe.labels,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ createdBy }) => ({ created, created_by: createdBy })),
  };
}
