import { defined, isRecord, parseJson } from '../api/json-values.ts';

/** The metadata of an object of any kind; a bookmark has only a resource version, and '' elsewhere. */
export type ObjectMeta = {
  /** `<namespace>/<name>` */
  key: string;
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
};

/** The object at a key, or an empty object. */
export function recordAt(value: unknown, key: string): Record<string, unknown> {
  const found = isRecord(value) ? value[key] : undefined;
  return isRecord(found) ? found : {};
}

/** The list at a key, or an empty list. */
export function listAt(value: unknown, key: string): unknown[] {
  const found = isRecord(value) ? value[key] : undefined;
  return Array.isArray(found) ? found : [];
}

export function textAt(value: unknown, key: string): string | undefined {
  const found = isRecord(value) ? value[key] : undefined;
  return typeof found === 'string' ? found : undefined;
}

export function numberAt(value: unknown, key: string): number | undefined {
  const found = isRecord(value) ? value[key] : undefined;
  return typeof found === 'number' ? found : undefined;
}

/** Throws on an object without a resource version, which the API server never sends. */
export function parseObjectMeta(object: unknown): ObjectMeta {
  const metadata = recordAt(object, 'metadata');
  const name = textAt(metadata, 'name') ?? '';
  const namespace = textAt(metadata, 'namespace') ?? '';
  const resourceVersion = textAt(metadata, 'resourceVersion');
  if (resourceVersion === undefined) throw new TypeError('the object has no metadata.resourceVersion');
  return {
    key: `${namespace}/${name}`,
    name,
    namespace,
    uid: textAt(metadata, 'uid') ?? '',
    resourceVersion,
  };
}

/** Parses one page of a list; throws on anything else. */
export function parseList(value: unknown): {
  items: unknown[];
  resourceVersion: string;
  continueToken: string | undefined;
} {
  const metadata = recordAt(value, 'metadata');
  const resourceVersion = textAt(metadata, 'resourceVersion');
  if (resourceVersion === undefined || !isRecord(value))
    throw new TypeError('not a list of Kubernetes objects');
  const continueToken = textAt(metadata, 'continue');
  return {
    items: listAt(value, 'items'),
    resourceVersion,
    continueToken: continueToken === '' ? undefined : continueToken,
  };
}

/** The fields of a Kubernetes `Status` object that describe a failure. */
export type FailureStatus = { reason?: string; message?: string; code?: number; retryAfterSeconds?: number };

/** The `Status` in the body of an answer; a body that is not a `Status` has no fields. */
export function parseStatus(text: string): FailureStatus {
  return statusOf(parseJson(text));
}

export function statusOf(value: unknown): FailureStatus {
  return defined({
    reason: textAt(value, 'reason'),
    message: textAt(value, 'message'),
    code: numberAt(value, 'code'),
    retryAfterSeconds: numberAt(recordAt(value, 'details'), 'retryAfterSeconds'),
  });
}
