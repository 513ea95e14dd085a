import { RunError } from '../support/errors.ts';

/** A parameter that is undefined is left out. */
export type Parameters = Readonly<Record<string, string | number | boolean | undefined>>;

/** The API root as a URL without a final slash, or a refusal the user understands. */
export function parseApiUrl(text: string): URL {
  if (!URL.canParse(text)) throw new RunError('InvalidSpec', `girder.apiUrl is not an address: ${text}`);
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new RunError(
      'InvalidSpec',
      `girder.apiUrl must begin with http:// or https://, not ${url.protocol}`,
    );
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    const where = `${url.origin}${url.pathname}`;
    throw new RunError('InvalidSpec', `girder.apiUrl must have no user, password, ? or # (at ${where})`);
  }
  url.pathname = url.pathname.replace(/\/+$/, '');
  return url;
}

/** The address of a route below the API root; an id that could lead to another route is refused. */
export function routeUrl(api: URL, route: readonly string[], query: Parameters = {}): URL {
  const strange = route.find((part) => !/^[\w-]+$/.test(part));
  if (strange !== undefined)
    throw new RunError('GirderNotFound', `${JSON.stringify(strange)} is not an id of Girder`);
  const url = new URL(`${api.href.replace(/\/$/, '')}/${route.join('/')}`);
  url.search = encodeParameters(query);
  return url;
}

/** Parameters as a query or an urlencoded form: Girder reads both alike. */
export function encodeParameters(parameters: Parameters): string {
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)] as const],
  );
  return new URLSearchParams(Object.fromEntries(pairs)).toString();
}
