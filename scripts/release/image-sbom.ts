import { createHash } from 'node:crypto';
import type { DebianPackage } from './debian-packages.ts';
import { packageId, purl } from '../sbom.ts';
import type { Architecture } from '../node-binary.ts';

export type ImageParts = {
  readonly architecture: Architecture;
  /** `sha256:…` of the index of all platforms. */
  readonly digest: string;
  /** Of its base. */
  readonly packages: readonly DebianPackage[];
};

type Document = {
  name: string;
  documentNamespace: string;
  documentDescribes: string[];
  packages: { SPDXID: string; versionInfo: string }[];
  relationships: { spdxElementId: string; relatedSpdxElement: string; relationshipType: string }[];
};

/**
 * The bill of materials of an image: that of the program in it, and Debian's packages, of which its base has the
 * files. Debian says their licences in the image, in /usr/share/doc.
 */
export function imageSbom(ofProgram: string, { architecture, digest, packages }: ImageParts): string {
  const program = JSON.parse(ofProgram) as Document;
  const [root = ''] = program.documentDescribes;
  const version = program.packages.find(({ SPDXID }) => SPDXID === root)?.versionInfo ?? '';
  const image = {
    ...packageOf('dockerrun-image', version),
    primaryPackagePurpose: 'CONTAINER',
    externalRefs: [
      purl(`pkg:oci/dockerrun@${digest.replace(':', '%3A')}?arch=${architecture}&tag=${version}`),
    ],
  };
  const ofDebian = packages.map((one) => ({
    ...packageOf(one.name, one.version),
    primaryPackagePurpose: 'LIBRARY',
    supplier: 'Organization: Debian',
    checksums: [{ algorithm: 'SHA256', checksumValue: one.sha256 }],
    externalRefs: [purl(debianPurl(one, architecture))],
  }));
  const relation = (spdxElementId: string, relationshipType: string, relatedSpdxElement: string) => ({
    spdxElementId,
    relatedSpdxElement,
    relationshipType,
  });
  const content = {
    packages: [image, ...program.packages, ...ofDebian],
    relationships: [
      relation('SPDXRef-DOCUMENT', 'DESCRIBES', image.SPDXID),
      ...[root, ...ofDebian.map(({ SPDXID }) => SPDXID)].map((id) => relation(image.SPDXID, 'CONTAINS', id)),
      ...program.relationships.filter(({ relationshipType }) => relationshipType !== 'DESCRIBES'),
    ],
  };
  const sum = createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32);
  const name = `dockerrun-image-${version}-linux-${architecture}`;
  const documentNamespace = `https://spdx.org/spdxdocs/${name}-${sum}`;
  const described = { documentDescribes: [image.SPDXID] };
  return `${JSON.stringify({ ...program, name, documentNamespace, ...described, ...content }, undefined, 2)}\n`;
}

function packageOf(name: string, versionInfo: string) {
  return {
    name,
    SPDXID: packageId(name, versionInfo),
    versionInfo,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: 'NOASSERTION',
    copyrightText: 'NOASSERTION',
  };
}

/** https://github.com/package-url/purl-spec/blob/main/types-doc/deb-definition.md */
function debianPurl({ name, version }: DebianPackage, architecture: Architecture): string {
  const encoded = (text: string) => encodeURIComponent(text);
  return `pkg:deb/debian/${encoded(name)}@${encoded(version)}?arch=${architecture}&distro=debian-12`;
}
