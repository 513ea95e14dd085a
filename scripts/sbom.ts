import { createHash } from 'node:crypto';
import manifest from '../package.json' with { type: 'json' };
import type { LockedPackage } from './bundled-packages.ts';

export type Parts = {
  readonly bundled: readonly LockedPackage[];
  /** The npm package of Node, without its architecture. */
  readonly node: { readonly version: string; readonly license: string };
  readonly revision: string;
  /** Unix seconds. */
  readonly created: number;
};

/**
 * An SPDX 2.3 document (ISO/IEC 5962) of the program with its bundled packages and Node. It is deterministic.
 */
export function spdxDocument(parts: Parts): object {
  const root = rootPackage(parts.revision);
  const packages = [nodePackage(parts.node), ...parts.bundled.map(npmPackage)];
  const content = { packages: [root, ...packages], relationships: relationshipsOf(root, packages) };
  const digest = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32);
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${manifest.name}@${manifest.version}`,
    documentNamespace: `https://spdx.org/spdxdocs/${manifest.name}-${manifest.version}-${digest}`,
    creationInfo: {
      created: new Date(parts.created * 1000).toISOString().replace('.000Z', 'Z'),
      creators: [`Tool: ${manifest.name}-sbom`],
    },
    documentDescribes: [root.SPDXID],
    ...content,
  };
}

type SpdxPackage = { readonly SPDXID: string; readonly [field: string]: unknown };

/** SPDX allows letters, digits, dots and hyphens. */
export function packageId(name: string, version: string): string {
  return `SPDXRef-Package-${`${name}-${version}`.replace(/[^A-Za-z0-9.-]+/g, '.')}`;
}

function spdxPackage(name: string, version: string, license: string): SpdxPackage {
  return {
    name,
    SPDXID: packageId(name, version),
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: license,
    copyrightText: 'NOASSERTION',
  };
}

function rootPackage(revision: string): SpdxPackage {
  return {
    ...spdxPackage(manifest.name, manifest.version, manifest.license),
    primaryPackagePurpose: 'APPLICATION',
    sourceInfo: `git revision ${revision}`,
    externalRefs: [purl(`pkg:generic/${manifest.name}@${manifest.version}`)],
  };
}

function npmPackage({ name, version, license, integrity }: LockedPackage): SpdxPackage {
  const [algorithm = '', digest = ''] = integrity.split('-');
  return {
    ...spdxPackage(name, version, license),
    primaryPackagePurpose: 'LIBRARY',
    externalRefs: [purl(`pkg:npm/${name.replace('@', '%40')}@${version}`)],
    checksums: [
      {
        algorithm: algorithm.toUpperCase(),
        checksumValue: Buffer.from(digest, 'base64').toString('hex'),
      },
    ],
  };
}

/** Scanners identify Node by its CPE. */
function nodePackage({ version, license }: Parts['node']): SpdxPackage {
  const cpe = `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`;
  return {
    ...spdxPackage('node', version, license),
    primaryPackagePurpose: 'APPLICATION',
    externalRefs: [
      purl(`pkg:generic/node@${version}`),
      { referenceCategory: 'SECURITY', referenceType: 'cpe23Type', referenceLocator: cpe },
    ],
  };
}

export function purl(referenceLocator: string) {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator };
}

function relationshipsOf(root: SpdxPackage, packages: readonly SpdxPackage[]) {
  const document = 'SPDXRef-DOCUMENT';
  return [
    { spdxElementId: document, relatedSpdxElement: root.SPDXID, relationshipType: 'DESCRIBES' },
    ...packages.map(({ SPDXID }) => ({
      spdxElementId: root.SPDXID,
      relatedSpdxElement: SPDXID,
      relationshipType: 'CONTAINS',
    })),
  ];
}
