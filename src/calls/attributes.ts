import { isPyObject, type PyObject } from './python-value.ts';
import { kindOf } from './class-kinds.ts';
import { objectIdOf, plainTextOf } from './plain-objects.ts';
import { quote, Refusal } from './refusal.ts';

/** The text of an attribute, also where a plugin left a path of pathlib; undefined when it is None or absent. */
export function optionalText(object: PyObject, attribute: string): string | undefined {
  const value = object.attributes.get(attribute);
  if (value === undefined || value === null) return undefined;
  const text = isPyObject(value) ? plainTextOf(value) : value;
  if (typeof text === 'string') return text;
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
