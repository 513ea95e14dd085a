import { mkdirSync, writeFileSync } from 'node:fs';
import { baseNames } from './base-layer.ts';
import { availablePackages } from './debian-packages.ts';
import { context } from '../image-context.ts';
import { architectures, type Architecture } from '../node-binary.ts';

/** Writes scripts/release/base-packages.json with what Debian has now. */
mkdirSync(context, { recursive: true });
const entries = (Object.keys(architectures) as Architecture[]).map((architecture) => {
  const packages = availablePackages(architecture, baseNames, context);
  return [
    architecture,
    Object.fromEntries(packages.map(({ name, version, sha256 }) => [name, { version, sha256 }])),
  ];
});
const text = JSON.stringify(Object.fromEntries(entries), undefined, 2);
writeFileSync('scripts/release/base-packages.json', `${text}\n`);
