import { isRecord } from '../api/json-values.ts';

/**
 * Options that docker-py takes in several forms, each turned into the one form of `spec.docker`. What does not fit
 * stays as it is, for the schema to refuse with the name of its field.
 */
export const optionForms: Readonly<Record<string, (value: unknown) => unknown>> = {
  deviceRequests: eachWithCamelKeys,
  ulimits: eachWithCamelKeys,
  blkioWeightDevice: eachWithCamelKeys,
  deviceReadBps: eachWithCamelKeys,
  deviceWriteBps: eachWithCamelKeys,
  deviceReadIops: eachWithCamelKeys,
  deviceWriteIops: eachWithCamelKeys,
  logConfig: ofRecord(withCamelKeys),
  healthcheck: ofRecord(healthcheck),
  ports: ofRecord(ports),
  extraHosts: pairs(':'),
  tmpfs: pairs(':'),
  links: pairs(':'),
  sysctls: pairs('='),
  labels: labels,
  storageOpt: pairs('='),
  memLimit: wholeBytes,
  memReservation: wholeBytes,
  memswapLimit: wholeBytes,
  shmSize: wholeBytes,
  volumesFrom: commaSeparated,
  dns: oneAsList,
  dnsOpt: oneAsList,
  dnsSearch: oneAsList,
  capAdd: oneAsList,
  capDrop: oneAsList,
  securityOpt: oneAsList,
};

/** Options that docker-py leaves out when they are 0: without them the engine has its own value. */
export const unsetAtZero: ReadonlySet<string> = new Set([
  'blkioWeight',
  'cpuPeriod',
  'cpuQuota',
  'cpuRtPeriod',
  'cpuRtRuntime',
  'cpuShares',
  'memReservation',
  'nanoCpus',
  'oomScoreAdj',
  'pidsLimit',
]);

type Fields = Readonly<Record<string, unknown>>;

/** `DeviceIDs`, `start_period` and `Name` as the fields of a DockerRun are named, without empty ones. */
export function withCamelKeys(fields: Fields): Record<string, unknown> {
  const given = Object.entries(fields).filter(([, value]) => value !== null && value !== '');
  return Object.fromEntries(given.map(([key, value]) => [camelKey(key), value]));
}

function camelKey(key: string): string {
  const camel = key
    .replace(/ID(?=s?$)/, 'Id')
    .replace(/_([a-zA-Z])/g, (_, letter: string) => letter.toUpperCase());
  return camel.slice(0, 1).toLowerCase() + camel.slice(1);
}

function eachWithCamelKeys(value: unknown): unknown {
  return Array.isArray(value)
    ? value.map((element: unknown) => (isRecord(element) ? withCamelKeys(element) : element))
    : value;
}

function ofRecord(form: (fields: Fields) => unknown): (value: unknown) => unknown {
  return (value) => (isRecord(value) ? form(value) : value);
}

function healthcheck(fields: Fields): Record<string, unknown> {
  const { test, ...rest } = withCamelKeys(fields);
  if (test === undefined) return rest;
  return { ...rest, test: typeof test === 'string' ? ['CMD-SHELL', test] : test };
}

/** A port, a pair of address and port, or a list of ports; None is any free port. */
function ports(fields: Fields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([port, host]) => [port, hostPort(host)]));
}

function hostPort(host: unknown): unknown {
  if (!Array.isArray(host)) return host ?? '';
  const [address, port] = host as unknown[];
  if (host.length === 2 && typeof address === 'string' && /[.:]/.test(address))
    return `${address}:${String(port)}`;
  // An address without a port would be published on every address of the node.
  if (host.length === 1 && typeof address === 'string') return `${address}:`;
  return host.map((one: unknown) => String(hostPort(one))).join(',');
}

/** A dictionary, or a list of texts with a name, this separator and a value. */
function pairs(separator: string): (value: unknown) => unknown {
  return (value) => {
    if (!Array.isArray(value)) return textValues(value);
    const entries = value.map((one: unknown): [string, string] => {
      const text = Array.isArray(one) ? one.join(separator) : String(one);
      const end = text.indexOf(separator);
      return end === -1 ? [text, ''] : [text.slice(0, end), text.slice(end + separator.length)];
    });
    return Object.fromEntries(entries);
  };
}

function labels(value: unknown): unknown {
  if (Array.isArray(value)) return Object.fromEntries(value.map((name: unknown) => [String(name), '']));
  return textValues(value);
}

/** docker-py turns numbers into texts there. */
function textValues(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const given = Object.entries(value).filter(([, one]) => one !== null);
  return Object.fromEntries(given.map(([name, one]) => [name, typeof one === 'number' ? String(one) : one]));
}

/** docker-py takes `64 m` as well. */
function wholeBytes(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(' ', '');
  return typeof value === 'number' ? Math.trunc(value) : value;
}

function commaSeparated(value: unknown): unknown {
  return typeof value === 'string' ? value.split(',') : value;
}

function oneAsList(value: unknown): unknown {
  return typeof value === 'string' ? [value] : value;
}
