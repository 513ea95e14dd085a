import { RunError } from '../support/errors.ts';

/** A parameter that is undefined is left out. */
export type Parameters = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * The API root without a final slash.
 * @throws RunError InvalidSpec, without a password that the text may hold
 */
export function parseApiUrl(text: string): URL {
  if (!URL.canParse(text)) throw new RunError('InvalidSpec', `girder.apiUrl is not a URL: ${text}`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RunError(
      'InvalidSpec',
      `girder.apiUrl must start with http:// or https://, not ${url.protocol}`,
    );
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    const where = `${url.origin}${url.pathname}`;
    throw new RunError('InvalidSpec', `girder.apiUrl must not have a user, password, ? or # (at ${where})`);
  }
  url.pathname = url.pathname.replace(/(?<!\/)\/+$/, '');
  return url;
}

/** The URL of a route below the API root; an id that could lead to another route is refused. */
export function routeUrl(api: URL, route: readonly string[], query: Parameters = {}): URL {
  const invalid = route.find((part) => !/^[\w-]+$/.test(part));
  if (invalid !== undefined)
    throw new RunError('GirderNotFound', `${JSON.stringify(invalid)} is not an id of Girder`);
  const url = new URL(`${api.href.replace(/\/$/, '')}/${route.join('/')}`);
  url.search = encodeParameters(query);
  return url;
}

/** A query or an urlencoded form: Girder reads parameters from either. */
export function encodeParameters(parameters: Parameters): string {
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
  return new URLSearchParams(Object.fromEntries(pairs)).toString();
}
