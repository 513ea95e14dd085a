export type Login =
  | { readonly username: string; readonly password: string }
  | { readonly username?: string | undefined; readonly identitytoken: string };

/** Credentials as the engine takes them; `serveraddress` must name the image's own registry. */
export type RegistryAuth = Login & { readonly serveraddress: string };

export type RegistryEntry = {
  /** Host, port and path of the images that it is for; the host may contain wildcards. */
  readonly pattern: string;
  /** Where it was found; messages write it after `the credentials of`. */
  readonly source: string;
  readonly login: Login;
};

/** All credentials that a run may use, and how a user can supply others. */
export type RegistryAuths = {
  readonly entries: readonly RegistryEntry[];
  /** What to do when no entry is for the registry `host`; messages write it in brackets. */
  readonly advice: (host: string) => string;
};

type MatchingAuth = { readonly source: string; readonly auth: RegistryAuth };

const dockerHub = 'docker.io';
/** Docker Hub's name in docker's own files, and the one that every engine knows. */
const dockerHubAddress = 'https://index.docker.io/v1/';

type RegistryPath = { readonly host: string; readonly path: string };

/** The registry of an image: its host with its port; docker.io when the name has none. */
export function registryHost(image: string): string {
  return pathOfImage(image).host;
}

/** The name of a registry in docker's own files and for credential helpers. */
export function serverAddress(host: string): string {
  return host === dockerHub ? dockerHubAddress : host;
}

/**
 * The credentials for an image in the order in which to try them, by the kubelet's rules: hosts match label
 * by label (with wildcards), ports exactly, paths as prefixes. Longer paths come before shorter ones, and
 * names before wildcards.
 */
export function authsFor(image: string, entries: readonly RegistryEntry[]): MatchingAuth[] {
  const wanted = pathOfImage(image);
  const serveraddress = serverAddress(wanted.host);
  return entries
    .map((entry) => ({ entry, place: pathOfPattern(entry.pattern) }))
    .filter(({ place }) => matches(place, wanted))
    .sort((a, b) => descending(a.place.host + a.place.path, b.place.host + b.place.path))
    .map(({ entry: { source, login } }) => ({ source, auth: { ...login, serveraddress } }));
}

/** Reversed order of characters, as the kubelet sorts: `*` comes last, and a prefix after the longer name. */
function descending(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? 1 : -1;
}

function pathOfImage(image: string): RegistryPath {
  const name = image.replace(/@.*$/s, '').replace(/:[^/:]*$/, '');
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  if (/[.:]/.test(first) || first === 'localhost') {
    return { host: canonicalHost(first), path: withNamespace(first, name.slice(slash)) };
  }
  return { host: dockerHub, path: withNamespace(dockerHub, `/${name}`) };
}

/** On Docker Hub, `busybox` is short for `library/busybox`. */
function withNamespace(host: string, path: string): string {
  const isShort = canonicalHost(host) === dockerHub && path.lastIndexOf('/') === 0;
  return isShort ? `/library${path}` : path;
}

function canonicalHost(host: string): string {
  return host === 'index.docker.io' ? dockerHub : host;
}

/** `https://host/v1/` and `host` mean the same. */
function pathOfPattern(pattern: string): RegistryPath {
  const bare = pattern.replace(/^https?:\/\//, '');
  const slash = bare.indexOf('/');
  const host = slash < 0 ? bare : bare.slice(0, slash);
  const path = (slash < 0 ? '' : bare.slice(slash)).replace(/^\/v[12](?=\/|$)/, '');
  return { host: canonicalHost(host), path: path === '/' ? '' : path };
}

function matches(pattern: RegistryPath, wanted: RegistryPath): boolean {
  const [patternName = '', patternPort] = pattern.host.split(':');
  const [name = '', port] = wanted.host.split(':');
  if (patternPort !== port || !wanted.path.startsWith(pattern.path)) return false;
  const globs = patternName.split('.');
  const labels = name.split('.');
  return (
    globs.length === labels.length && globs.every((glob, index) => labelMatches(glob, labels[index] ?? ''))
  );
}

/** With more, an expression would take minutes for a label that almost matches. */
const maxStars = 3;

/** As DNS has it. */
const longestLabel = 63;

/** Go's `filepath.Match` for one label of a host: `*`, `?` and classes like `[a-c]`. */
function labelMatches(glob: string, label: string): boolean {
  if (label.length > longestLabel || glob.split('*').length - 1 > maxStars) return glob === label;
  const source = glob
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('[\\^', '[^')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  try {
    return new RegExp(`^${source}$`).test(label);
  } catch {
    return false;
  }
}
