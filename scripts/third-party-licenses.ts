import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LockedPackage } from './bundled-packages.ts';

const rule = '-'.repeat(80);

/** The licence texts as the packages contain them. */
export function thirdPartyLicenses(packages: readonly LockedPackage[]): string {
  const sections = packages.map((one) => {
    const head = `${one.name} ${one.version} (${one.license})`;
    return [rule, head, rule, '', ...licenseTexts(one.folder)].join('\n');
  });
  return ['Third-party software in this program, and its licences.', '', ...sections, ''].join('\n');
}

function licenseTexts(folder: string): string[] {
  const names = readdirSync(folder).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name));
  return names.toSorted().map((name) => `${readFileSync(join(folder, name), 'utf8').trim()}\n`);
}
