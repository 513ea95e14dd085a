/** Headers that say how the request is sent, which is not for the user to say: two lengths are two requests. */
const forbiddenHeaders = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Whether a header of this name is the request's own. */
export function isForbiddenHeader(name: string): boolean {
  return forbiddenHeaders.has(name.toLowerCase());
}
