/** Headers that say how the request is sent, which is not for the user to say: two lengths are two requests. */
const ownHeaders = new Set([
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
export function isOwnHeader(name: string): boolean {
  return ownHeaders.has(name.toLowerCase());
}
