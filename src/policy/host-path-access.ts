export type HostPathRules = {
  readonly hostPaths?: readonly { readonly pathPrefix: string; readonly readOnly?: boolean }[];
};

/** How a host path may be used under a policy. */
export function hostPathAccess({ hostPaths = [] }: HostPathRules, path: string): 'rw' | 'ro' | 'none' {
  const matching = hostPaths.filter(({ pathPrefix }) => isWithin(path, pathPrefix));
  if (matching.length === 0) return 'none';
  return matching.some(({ readOnly }) => readOnly !== true) ? 'rw' : 'ro';
}

/** By whole components; nothing with `..` is within anything. */
function isWithin(path: string, prefix: string): boolean {
  const plain = plainPath(path);
  return plain.startsWith(plainPath(prefix)) && !`/${plain}`.includes('/../');
}

/** `/srv//data` as `srv/data/`, the root as nothing. */
function plainPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '');
  return parts.map((part) => `${part}/`).join('');
}
