import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { dottedPath, parseJson } from '../api/json-values.ts';
import { certificatesOf, type EgressSettings } from '../support/egress.ts';
import { describe } from '../support/errors.ts';
import type { TranslationSettings } from './translate/message-outcome.ts';

/** The settings of the bridge, which come from its environment. */
export type BridgeConfig = {
  /** A file with the addresses of the broker; it is read again at each connection, because a Secret may be renewed. */
  readonly brokerFile: string;
  readonly brokerCa: string | undefined;
  /** A directory with the client certificate for the broker, if it asks for one: `tls.crt` and `tls.key`. */
  readonly brokerClient: string | undefined;
  /** As workers on the node have them, for requests to Girder. */
  readonly egress: EgressSettings;
  readonly translation: TranslationSettings & { readonly girderApiUrl: string };
  /** Tasks that the bridge cannot run are forwarded to it; undefined ends their jobs. */
  readonly foreignQueue: string | undefined;
  /** Messages that cannot be read are forwarded to it; undefined drops them. */
  readonly deadLetterQueue: string | undefined;
  /** No message is taken while so many runs of the bridge are unfinished. */
  readonly maxRuns: number;
  /** How many messages of each queue one replica works on at once. */
  readonly maxMessages: number;
  readonly logLevel: string;
  readonly healthPort: number;
  /** 0 turns the metrics off. */
  readonly metricsPort: number;
};

const text = Type.String({ minLength: 1, maxLength: 2_048 });
const texts = Type.Record(Type.String(), Type.String());
const seconds = Type.Optional(Type.Integer({ minimum: 1 }));
const closed = { additionalProperties: false };

/** The values of the chart under `bridge`, as one JSON text. */
const settingsSchema = Type.Object(
  {
    queues: Type.Array(
      Type.Object(
        {
          queue: Type.String({ minLength: 1, maxLength: 255 }),
          namespace: Type.String({ pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' }),
          nodeSelector: Type.Optional(texts),
          priorityClassName: Type.Optional(text),
          localQueue: Type.Optional(text),
          resources: Type.Optional(Type.Object({})),
          activeDeadlineSeconds: seconds,
          startDeadlineSeconds: seconds,
          ttlSecondsAfterFinished: Type.Optional(Type.Integer({ minimum: 0 })),
        },
        closed,
      ),
      { minItems: 1, maxItems: 32 },
    ),
    girderApiUrl: Type.String({ pattern: '^https?://[^/@]+', maxLength: 2_048 }),
    targetGirderApiUrl: Type.Optional(text),
    pathMap: Type.Optional(
      Type.Array(
        Type.Object({ girder: Type.String({ pattern: '^/' }), node: Type.String({ pattern: '^/' }) }, closed),
        { maxItems: 64 },
      ),
    ),
    userLabel: Type.Optional(Type.Boolean()),
    foreignQueue: Type.Optional(Type.String({ maxLength: 255 })),
    deadLetterQueue: Type.Optional(Type.String({ maxLength: 255 })),
    maxRuns: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
    maxMessages: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
  },
  closed,
);

type Settings = Type.Static<typeof settingsSchema>;
type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings. @throws {TypeError} a setting is invalid; the message names the first such setting */
export function readBridgeConfig(environment: Environment): BridgeConfig {
  const port = (name: string, fallback: number, least: number) => {
    const value = Number(environment[name] || fallback);
    if (Number.isInteger(value) && value >= least && value < 65_536) return value;
    throw new TypeError(`${name} must be a port, not "${environment[name]}"`);
  };
  const settings = readSettings(environment['DOCKERRUN_BRIDGE_SETTINGS']);
  const { foreignQueue, deadLetterQueue, maxRuns = 200, maxMessages = 8, ...translation } = settings;
  return {
    brokerFile: environment['DOCKERRUN_BRIDGE_BROKER_FILE'] || '/etc/dockerrun/broker/url',
    brokerCa: readCa(environment),
    brokerClient: environment['DOCKERRUN_BRIDGE_BROKER_CLIENT'] || undefined,
    egress: {
      caBundle: environment['DOCKERRUN_WORKER_CA_BUNDLE'],
      httpProxy: environment['DOCKERRUN_WORKER_HTTP_PROXY'],
      httpsProxy: environment['DOCKERRUN_WORKER_HTTPS_PROXY'],
      noProxy: environment['DOCKERRUN_WORKER_NO_PROXY'],
    },
    // `exactOptionalPropertyTypes` is on, and typebox types an optional member without undefined as well.
    translation: { pathMap: [], userLabel: true, ...translation },
    foreignQueue: otherQueue('foreignQueue', foreignQueue, settings),
    deadLetterQueue: otherQueue('deadLetterQueue', deadLetterQueue, settings),
    maxRuns,
    maxMessages,
    logLevel: environment['DOCKERRUN_LOG_LEVEL'] || 'info',
    healthPort: port('DOCKERRUN_HEALTH_PORT', 8081, 1),
    metricsPort: environment['DOCKERRUN_METRICS_PORT'] === '0' ? 0 : port('DOCKERRUN_METRICS_PORT', 8080, 1),
  };
}

function readSettings(json: string | undefined): Settings {
  const name = 'DOCKERRUN_BRIDGE_SETTINGS';
  const value = parseJson(json ?? '');
  if (value === undefined) throw new TypeError(`${name} must hold the settings of the bridge as JSON`);
  if (!Value.Check(settingsSchema, value)) {
    const [first] = Value.Errors(settingsSchema, value);
    const path = dottedPath(first?.instancePath ?? '');
    throw new TypeError(`${name}: bridge${path} ${first?.message ?? 'is invalid'}`);
  }
  const queues = value.queues.map(({ queue }) => queue);
  const twice = queues.find((queue, index) => queues.indexOf(queue) !== index);
  if (twice !== undefined) throw new TypeError(`${name}: bridge.queues names the queue ${twice} twice`);
  return value;
}

/** A message that came back to a queue of the bridge would be forwarded for ever. */
function otherQueue(field: string, queue: string | undefined, { queues }: Settings): string | undefined {
  if (queues.some((one) => one.queue === queue))
    throw new TypeError(
      `DOCKERRUN_BRIDGE_SETTINGS: bridge.${field} must not be one of bridge.queues: "${queue}"`,
    );
  return queue || undefined;
}

function readCa(environment: Environment): string | undefined {
  const bundle = environment['DOCKERRUN_BRIDGE_BROKER_CA'];
  if (!bundle) return undefined;
  try {
    return certificatesOf(bundle).join('\n');
  } catch (error) {
    throw new TypeError(`DOCKERRUN_BRIDGE_BROKER_CA: ${describe(error)}`, { cause: error });
  }
}

/** The certificate by which the bridge identifies itself, and its key, in PEM. */
export type BrokerClient = { readonly cert: string; readonly key: string };

/** Reads the client certificate as a Secret of the type `kubernetes.io/tls` has it. @throws {TypeError} */
export function readBrokerClient(directory: string | undefined): BrokerClient | undefined {
  if (directory === undefined) return undefined;
  try {
    const read = (file: string) => readFileSync(join(directory, file), 'utf8');
    return { cert: read('tls.crt'), key: read('tls.key') };
  } catch (error) {
    throw new TypeError(`cannot read the client certificate for the broker: ${describe(error)}`, {
      cause: error,
    });
  }
}

/** An address of the broker. Its texts are secrets. */
export type BrokerAddress = {
  readonly protocol: 'amqp' | 'amqps';
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
};

/**
 * Reads the addresses of the broker as Celery writes them: `amqp://user:password@host:5672//`, several with
 * semicolons between.
 * @throws {TypeError} without a part of the text, which holds a password
 */
export function readBrokerAddresses(file: string): BrokerAddress[] {
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    throw new TypeError(`cannot read the address of the broker: ${describe(error)}`, { cause: error });
  }
  return parseBrokerAddresses(content);
}

const protocols: Readonly<Record<string, BrokerAddress['protocol']>> = {
  'amqp:': 'amqp',
  'pyamqp:': 'amqp',
  'amqps:': 'amqps',
  'pyamqps:': 'amqps',
};

/** @throws {TypeError} without a part of the text, which holds a password */
export function parseBrokerAddresses(content: string): BrokerAddress[] {
  const addresses = content
    .split(';')
    .map((one) => one.trim())
    .filter((one) => one !== '');
  if (addresses.length === 0) throw new TypeError('the address of the broker is empty');
  return addresses.map(parseAddress);
}

function parseAddress(address: string): BrokerAddress {
  const [scheme = ''] = address.split('://');
  const protocol = protocols[`${scheme}:`];
  if (/^redis/.test(scheme))
    throw new TypeError(
      'the broker is Redis, which the bridge does not serve: set Girder up with RabbitMQ (docs/bridge.md)',
    );
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (protocol === undefined || url === undefined || url.hostname === '')
    throw new TypeError(
      'the address of the broker must be amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// with TLS',
    );
  const login =
    url.username === '' ? guest : { username: decode(url.username), password: decode(url.password) };
  return {
    protocol,
    hostname: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (protocol === 'amqps' ? 5671 : 5672),
    ...login,
    // Both slashes of Celery's addresses mean the virtual host `/`.
    vhost: decode(url.pathname.slice(1)) || '/',
  };
}

/** What RabbitMQ takes of a fresh installation, and Celery too. */
const guest = { username: 'guest', password: 'guest' };

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new TypeError('the address of the broker has a % that is not part of an escape such as %2F');
  }
}
