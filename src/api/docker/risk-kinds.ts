import type { DockerOptions } from './options.ts';

export type DangerousParts<Value> = (value: Value) => readonly string[];

export const nothing: DangerousParts<unknown> = () => [];

/** Every text of a list. */
export const each: DangerousParts<readonly string[]> = (texts) => texts;

/** The text itself. */
export const itself: DangerousParts<string> = (text) => [text];

/** The number itself. */
export const number: DangerousParts<number> = (value) => [String(value)];

/** A number below 0. */
export const negative: DangerousParts<number> = (value) => (value < 0 ? [String(value)] : []);

/** A number that is not from 1 to the greatest. */
export function notUpTo(greatest: number): DangerousParts<number> {
  return (value) => (value > 0 && value <= greatest ? [] : [String(value)]);
}

/** That it is on. */
export const whenTrue: DangerousParts<boolean> = (value) => (value ? ['true'] : []);

/** A text that is none of some. */
export function allBut(harmless: readonly string[]): DangerousParts<string> {
  return (text) => (harmless.includes(text) ? [] : [text]);
}

/** Every text of a list that a pattern does not match. */
export function unlike(harmless: RegExp): DangerousParts<readonly string[]> {
  return (texts) => texts.filter((text) => !harmless.test(text));
}

type MapOfAnything = Readonly<Record<string, unknown>>;

/** Every key of a map. */
export const keys: DangerousParts<MapOfAnything> = (map) => Object.keys(map);

/** The keys of a map that a pattern matches. */
export function keysLike(pattern: RegExp): DangerousParts<MapOfAnything> {
  return (map) => Object.keys(map).filter((key) => pattern.test(key));
}

/** Those of some names that the elements of a list have. */
export function namesAmong(names: readonly string[]): DangerousParts<readonly { readonly name: string }[]> {
  return (elements) => elements.map(({ name }) => name).filter((name) => names.includes(name));
}

/** What stands before the first colon in each text of a list. */
export const eachBeforeColon: DangerousParts<readonly string[]> = (texts) =>
  texts.map((text) => text.split(':')[0] ?? text);

/** The field `type` of an object, if it is another than one. */
export function typeOtherThan(harmless: string): DangerousParts<{ readonly type: string }> {
  return ({ type }) => (type === harmless ? [] : [type]);
}

export function normalCapabilities(names: readonly string[]): string[] {
  return names.map((name) => capitals(name).replace(/^CAP_/, ''));
}

/** Of ASCII only: no capability has another letter, though some others become these in capitals (`ı` becomes `I`). */
function capitals(text: string): string {
  return text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
}

type DeviceRequests = NonNullable<DockerOptions['deviceRequests']>;

/** What each request for devices asks for, as `gpu,utility` or, of another driver than NVIDIA's, as `driver:id,id`. */
export function eachDeviceRequest(requests: DeviceRequests): string[] {
  return requests.map(requestedDevices);
}

/** Another driver than NVIDIA's means other devices, whatever capabilities the request names. */
function requestedDevices(request: DeviceRequests[number]): string {
  const { driver = '', deviceIds = [], capabilities = [] } = request;
  const wanted = capabilities.flat().join(',');
  return driver === '' || driver === 'nvidia' ? wanted : `${driver}:${deviceIds.join(',') || wanted}`;
}
