import { join } from 'node:path';
import { erlangPrograms, rabbitmqPrograms } from '../install/rabbitmq-files.ts';
import { endpoints } from '../network.ts';
import { systemPath } from '../supervise/environment.ts';
import { writePrivate } from './config-file.ts';

type Address = { readonly host: string; readonly port: number };

/** Where a RabbitMQ listens, keeps its data, and which users it knows. */
export type BrokerSettings = {
  readonly node: string;
  readonly directory: string;
  readonly amqp: Address;
  readonly management: Address;
  readonly distributionPort: number;
  readonly definitions: unknown;
  /** More lines of rabbitmq.conf. */
  readonly lines?: readonly string[];
  /** Settings of the program that rabbitmq.conf has no line for, such as `channel_tick_interval`. */
  readonly tuning?: Readonly<Record<string, number>>;
};

function inside(directory: string) {
  return {
    config: join(directory, 'rabbitmq.conf'),
    definitions: join(directory, 'definitions.json'),
    plugins: join(directory, 'enabled_plugins'),
  };
}

/** The paths of the files that {@link writeBrokerFiles} writes. */
export function brokerFiles(directory: string): string[] {
  return Object.values(inside(directory));
}

/** Writes RabbitMQ's configuration: its log is its output, and its users come from a file. */
export function writeBrokerFiles(settings: BrokerSettings): void {
  const { directory, amqp, management, definitions } = settings;
  const paths = inside(directory);
  const lines = [
    `listeners.tcp.1 = ${amqp.host}:${amqp.port}`,
    `management.tcp.ip = ${management.host}`,
    `management.tcp.port = ${management.port}`,
    `load_definitions = ${paths.definitions}`,
    'log.console = true',
    'log.console.level = info',
    'log.file = false',
    ...(settings.lines ?? []),
  ];
  writePrivate(paths.config, `${lines.join('\n')}\n`);
  writePrivate(paths.definitions, `${JSON.stringify(definitions, undefined, 2)}\n`);
  writePrivate(paths.plugins, '[rabbitmq_management].\n');
}

/** The program of a RabbitMQ. */
export function brokerProgram(): string {
  return join(rabbitmqPrograms(), 'rabbitmq-server');
}

/** The environment of a RabbitMQ and of its command line tools: all on loopback but AMQP, all files in its directory. */
export function brokerEnvironment({
  node,
  directory,
  distributionPort,
  tuning = {},
}: BrokerSettings): Record<string, string> {
  const paths = inside(directory);
  const tuned = Object.entries(tuning).map(([name, value]) => ` -rabbit ${name} ${value}`);
  const { host, port } = endpoints.erlangNames;
  return {
    // Holds the cookie that only nodes and tools of one broker share.
    HOME: directory,
    PATH: [erlangPrograms(), rabbitmqPrograms(), ...systemPath].join(':'),
    ERL_EPMD_ADDRESS: host,
    ERL_EPMD_PORT: String(port),
    ERL_CRASH_DUMP_SECONDS: '0',
    // Makes the script become the server, so that the process that was started is the one to stop.
    RUNNING_UNDER_SYSTEMD: 'true',
    RABBITMQ_NODENAME: `${node}@localhost`,
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(directory, 'mnesia'),
    RABBITMQ_LOG_BASE: join(directory, 'log'),
    RABBITMQ_CONFIG_FILE: paths.config,
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_ENABLED_PLUGINS_FILE: paths.plugins,
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}${tuned.join('')}`,
  };
}
