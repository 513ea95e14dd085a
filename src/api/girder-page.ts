/** Where Girder's web client and its API usually are, relative to each other. */
const usualApi = /^(https?:\/\/.*)\/api\/v1\/?$/i;

/**
 * The address of a page in Girder's web client, such as `item/<id>` or `folder/<id>`; undefined if the address of its
 * API does not end in the usual way.
 */
export function girderPage(apiUrl: string | undefined, route: string): string | undefined {
  const [, root] = usualApi.exec(apiUrl ?? '') ?? [];
  return root === undefined ? undefined : `${root}/#${route}`;
}
