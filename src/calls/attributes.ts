import { isPyObject, type PyObject, type PyValue } from './python-value.ts';
import { kindOf } from './class-kinds.ts';
import { quote, Refusal } from './refusal.ts';

/** The text of an attribute; undefined when it is None or absent. */
export function optionalText(object: PyObject, attribute: string): string | undefined {
  const value = object.attributes.get(attribute);
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw new Refusal(`${attribute} of ${nameOf(object)} is not a text`);
}

export function requiredText(object: PyObject, attribute: string): string {
  const text = optionalText(object, attribute);
  if (text !== undefined && text !== '') return text;
  throw new Refusal(`${attribute} of ${nameOf(object)} is missing`);
}

/** An id of a document in Girder, also where a plugin left an ObjectId. */
export function requiredId(object: PyObject, attribute: string): string {
  const value = object.attributes.get(attribute);
  const id = isPyObject(value) ? objectIdOf(value) : requiredText(object, attribute).toLowerCase();
  if (id !== undefined && /^[0-9a-f]{24}$/.test(id)) return id;
  throw new Refusal(
    `${attribute} of ${nameOf(object)} is not an ID of Girder, which has 24 hexadecimal digits`,
  );
}

/** The 24 digits of an ObjectId of MongoDB; undefined for another object. */
export function objectIdOf(object: PyObject): string | undefined {
  const state: PyValue | undefined = object.attributes.get('py/state');
  if (kindOf(object) !== 'ObjectId' || typeof state !== 'object' || state?.kind !== 'bytes') return undefined;
  return Buffer.from(state.bytes).toString('hex');
}

/** The class of an object for a message: without its module if it is one of Girder Worker's. */
export function nameOf(object: PyObject): string {
  return kindOf(object) ?? quote(object.className);
}

/** For an object that only Girder Worker itself could use; `instead` is what can stand there. */
export function unknownClass(object: PyObject, where: string, instead = 'a text'): Refusal {
  const name = kindOf(object);
  if (name !== undefined) return new Refusal(`${where}: ${name} cannot stand there; use ${instead}`);
  return new Refusal(
    `${where} is an object of the class ${quote(object.className)}, and DockerRun runs no Python of plugins; use ${instead}, put that code into the image, or publish the task to a queue that a Girder Worker serves`,
  );
}
