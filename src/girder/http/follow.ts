import { isRedirect, maxRedirects, nextHop, RedirectRefused } from './redirect.ts';
import type { Answer, Exchange, Exchanger } from './transport.ts';

/** An answer and the origin it came from, which is another one than the API's for files in an object store. */
export type FollowedAnswer = { readonly answer: Answer; readonly origin: string };

/**
 * Sends a request with Girder's token by means of `exchange`, and follows the redirects of a GET, the token only to
 * the origin of `api`.
 */
export async function follow(
  request: Exchange,
  { api, token, exchange }: { api: URL; token: string | undefined; exchange: Exchanger },
): Promise<FollowedAnswer> {
  let url = request.url;
  let [withToken, isElsewhere] = [token !== undefined, false];
  for (let redirects = 0; ; redirects += 1) {
    const headers = withToken && token !== undefined ? { 'Girder-Token': token } : {};
    const answer = await exchange({
      ...request,
      url,
      isElsewhere,
      headers: { ...request.headers, ...headers },
    });
    if (!isRedirect(answer.status)) return { answer, origin: url.origin };
    answer.body.destroy();
    if (redirects === maxRedirects) throw new RedirectRefused(`more than ${maxRedirects} times in a row`);
    const hop = nextHop(url, answer.header('location'), api);
    if (request.method !== 'GET') throw new RedirectRefused(`to ${hop.url.origin}; use its final address`);
    // A redirect back home gets its token again: what counts is where the request goes.
    ({ url, withToken, isElsewhere } = hop);
  }
}
