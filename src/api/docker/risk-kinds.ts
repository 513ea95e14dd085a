import type { DockerOptions } from './options.ts';

/** Returns the parts of an option's value that the policy must allow; empty for a harmless value. */
export type DangerousParts<Value> = (value: Value) => readonly string[];

export const noParts: DangerousParts<unknown> = () => [];

export const each: DangerousParts<readonly string[]> = (texts) => texts;

export const itself: DangerousParts<string> = (text) => [text];

export const number: DangerousParts<number> = (value) => [String(value)];

export function below(least: number): DangerousParts<number> {
  return (value) => (value < least ? [String(value)] : []);
}

/** Dangerous unless from 1 to `greatest`: 0 and -1 mean no limit. */
export function notUpTo(greatest: number): DangerousParts<number> {
  return (value) => (value > 0 && value <= greatest ? [] : [String(value)]);
}

export const whenTrue: DangerousParts<boolean> = (value) => (value ? ['true'] : []);

export function allBut(harmless: readonly string[]): DangerousParts<string> {
  return (text) => (harmless.includes(text) ? [] : [text]);
}

export function notMatching(harmless: RegExp): DangerousParts<readonly string[]> {
  return (texts) => texts.filter((text) => !harmless.test(text));
}

type MapOfAnything = Readonly<Record<string, unknown>>;

export const keys: DangerousParts<MapOfAnything> = (map) => Object.keys(map);

export function keysMatching(pattern: RegExp): DangerousParts<MapOfAnything> {
  return (map) => Object.keys(map).filter((key) => pattern.test(key));
}

export function namesAmong(names: readonly string[]): DangerousParts<readonly { readonly name: string }[]> {
  return (elements) => elements.map(({ name }) => name).filter((name) => names.includes(name));
}

export const eachBeforeColon: DangerousParts<readonly string[]> = (texts) =>
  texts.map((text) => text.split(':')[0] ?? text);

export function typeOtherThan(harmless: string): DangerousParts<{ readonly type: string }> {
  return ({ type }) => (type === harmless ? [] : [type]);
}

/** `cap_sys_admin` and `SYS_ADMIN` mean the same capability. */
export function normalizedCapabilities(names: readonly string[]): string[] {
  return names.map((name) => capitals(name).replace(/^CAP_/, ''));
}

/** ASCII only: toUpperCase turns other letters into ASCII ones (`ı` becomes `I`). */
function capitals(text: string): string {
  return text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
}

type DeviceRequests = NonNullable<DockerOptions['deviceRequests']>;

/** Each request as `gpu,utility`, or with a driver other than NVIDIA's as `driver:id,id`. */
export function eachDeviceRequest(requests: DeviceRequests): string[] {
  return requests.map(requestedDevices);
}

/** Capabilities identify devices only for NVIDIA's driver; another driver has other devices. */
function requestedDevices(request: DeviceRequests[number]): string {
  const { driver = '', deviceIds = [], capabilities = [] } = request;
  const wanted = capabilities.flat().join(',');
  return driver === '' || driver === 'nvidia' ? wanted : `${driver}:${deviceIds.join(',') || wanted}`;
}
