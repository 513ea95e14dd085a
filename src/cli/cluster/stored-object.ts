import { isRecord } from '../../api/json-values.ts';
import type { DockerRunSetStatus } from '../../api/set/set-status.ts';
import type { DockerRunStatus } from '../../api/status.ts';
import { recordAt, textAt } from '../../kube/json.ts';

/** An object of ours as the API server has it, which has checked it against the schema. */
export type StoredObject = {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
};

export function isStored(value: unknown): value is StoredObject {
  const metadata = recordAt(value, 'metadata');
  return (
    isRecord(value) && textAt(metadata, 'name') !== undefined && textAt(metadata, 'namespace') !== undefined
  );
}

export const isSet = (object: StoredObject) => object['kind'] === 'DockerRunSet';

export function runStatusOf(object: StoredObject): DockerRunStatus {
  return recordAt(object, 'status');
}

export function setStatusOf(object: StoredObject): DockerRunSetStatus {
  return recordAt(object, 'status');
}

/** `run/segment` or `set/nuclei`. */
export function nameOfStored(object: StoredObject): string {
  return `${isSet(object) ? 'set' : 'run'}/${object.metadata.name}`;
}

/** Removes characters that a terminal would obey: names and messages may come from anyone. */
export function plain(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\u{fffd}');
}
