import manifest from '../package.json' with { type: 'json' };

/** What only a checkout needs: the bundle has the code of all packages, and Node is the user's own. */
const ofCheckout = ['private', 'files', 'dependencies', 'devDependencies', 'optionalDependencies'];

/**
 * The package.json of the npm package, which is the folder dist: `npm pack ./dist`. Installing it downloads nothing
 * else.
 */
export function npmManifest(): string {
  const kept = Object.entries(manifest).filter(([name]) => !ofCheckout.includes(name));
  const text = JSON.stringify(Object.fromEntries(kept), undefined, 2);
  return `${text.replaceAll(/"(\.\/)?dist\//g, '"./')}\n`;
}
