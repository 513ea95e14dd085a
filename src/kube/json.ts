import { defined, parseJson } from '../api/json-values.ts';
import { isRecord } from '../support/narrow.ts';

/** What is read from any Kubernetes object or list before its kind is known; throws on what the API server never sends. */

export type ObjectMeta = {
  key: string;
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
};

/** The object at a key, or an empty one. */
export function recordAt(value: unknown, key: string): Record<string, unknown> {
  const found = isRecord(value) ? value[key] : undefined;
  return isRecord(found) ? found : {};
}

/** The list at a key, or an empty one. */
export function listAt(value: unknown, key: string): unknown[] {
  const found = isRecord(value) ? value[key] : undefined;
  return Array.isArray(found) ? found : [];
}

/** The text at a key, if it is one. */
export function textAt(value: unknown, key: string): string | undefined {
  const found = isRecord(value) ? value[key] : undefined;
  return typeof found === 'string' ? found : undefined;
}

/** The number at a key, if it is one. */
export function numberAt(value: unknown, key: string): number | undefined {
  const found = isRecord(value) ? value[key] : undefined;
  return typeof found === 'number' ? found : undefined;
}

/** The metadata that every object has; bookmarks have a resource version only. */
export function parseObjectMeta(object: unknown): ObjectMeta {
  const metadata = recordAt(object, 'metadata');
  const name = textAt(metadata, 'name') ?? '';
  const namespace = textAt(metadata, 'namespace') ?? '';
  const resourceVersion = textAt(metadata, 'resourceVersion');
  if (resourceVersion === undefined) throw new TypeError('an object without metadata.resourceVersion');
  return {
    key: `${namespace}/${name}`,
    name,
    namespace,
    uid: textAt(metadata, 'uid') ?? '',
    resourceVersion,
  };
}

/** One page of a list. */
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

/** What a `Status` object says of a failure. */
export type FailureStatus = { reason?: string; message?: string; code?: number; retryAfterSeconds?: number };

/** The `Status` object in a text, as far as the text is one. */
export function parseStatus(text: string): FailureStatus {
  return statusOf(parseJson(text));
}

/** What an object says of a failure, as far as it is a `Status`. */
export function statusOf(value: unknown): FailureStatus {
  return defined({
    reason: textAt(value, 'reason'),
    message: textAt(value, 'message'),
    code: numberAt(value, 'code'),
    retryAfterSeconds: numberAt(recordAt(value, 'details'), 'retryAfterSeconds'),
  });
}
