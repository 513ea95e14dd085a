/** One request to the API server and how it was answered, for metrics; it names kinds of objects, never an object. */
export type ApiCall = {
  /** In Kubernetes' words: get, list, watch, create, update, patch or delete. */
  readonly verb: string;
  /** The plural, with the subresource after a slash: `pods`, `dockerruns/status`. */
  readonly resource: string;
  /** The status code of the answer; 0 when none came. */
  readonly code: number;
  /** Until the headers of the answer. */
  readonly seconds: number;
};

const writes: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Names a request as Kubernetes' audit log and RBAC do. */
export function verbAndResource(request: {
  method: string;
  path: string;
  query?: Record<string, string>;
}): Pick<ApiCall, 'verb' | 'resource'> {
  const { resource, isNamed } = partsOf(request.path);
  const isWatch = request.query?.['watch'] === 'true';
  const read = isWatch ? 'watch' : isNamed ? 'get' : 'list';
  return { verb: writes[request.method] ?? read, resource };
}

function partsOf(path: string): { resource: string; isNamed: boolean } {
  const [root, ...rest] = path.split('/').filter((part) => part !== '');
  const below = rest.slice(root === 'api' ? 1 : 2);
  const inNamespace = below[0] === 'namespaces' && below.length > 2;
  const [plural = '', name, subresource] = inNamespace ? below.slice(2) : below;
  return {
    resource: subresource === undefined ? plural : `${plural}/${subresource}`,
    isNamed: name !== undefined,
  };
}
