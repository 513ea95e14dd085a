import { Type } from 'typebox';
import { mapOf, rules } from '../keywords.ts';
import { group } from '../names.ts';
import { isolationOptions, privilegeOptions } from './isolation.ts';
import { limitOptions } from './limits.ts';
import { integer, intOrString, mapOfText, size, text, texts } from './option-fields.ts';

const identity = {
  user: Type.Optional(
    intOrString("Whom the target runs as: name or uid, with `:group` if wanted; the image's when absent.", {
      maxLength: 256,
    }),
  ),
  groupAdd: Type.Optional(
    Type.Array(intOrString('The name or gid of a group.', { maxLength: 256 }), {
      description: 'Further groups of the user.',
      maxItems: 64,
    }),
  ),
  workingDir: Type.Optional(text("The directory the target starts in; the image's when absent.", '^/')),
  hostname: Type.Optional(text("The target's host name.", '^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$', 64)),
  domainname: Type.Optional(text("The target's domain name.", '^[A-Za-z0-9]([A-Za-z0-9.-]*)?$', 64)),
  labels: Type.Optional(
    mapOf(Type.String({ maxLength: 1024 }), {
      description: `Labels of the container, besides those of ${group}.`,
      maxProperties: 64,
      ...rules({
        rule: `self.all(name, !name.startsWith('${group}/'))`,
        message: `labels of ${group}/ are those that DockerRun itself sets`,
      }),
    }),
  ),
  stopSignal: Type.Optional(
    text(
      "The signal that asks the target to stop, as SIGINT; the image's or SIGTERM when absent.",
      '^([A-Z][A-Z0-9+-]*|[0-9]{1,2})$',
      16,
    ),
  ),
  init: Type.Optional(
    Type.Boolean({
      description:
        'Whether an init process that passes signals on and reaps orphans stands before the target; when absent, if the engine has one.',
    }),
  ),
  platform: Type.Optional(
    text('The platform that the image must have, as linux/arm64.', '^[a-z0-9]+(/[a-z0-9]+){0,2}$', 64),
  ),
  healthcheck: Type.Optional(
    Type.Object(
      {
        test: Type.Optional(
          texts('The command: [CMD, …], [CMD-SHELL, text], or [NONE] to have no check at all.', {
            maxItems: 64,
            maxLength: 4096,
          }),
        ),
        interval: Type.Optional(integer('Nanoseconds between two checks.')),
        timeout: Type.Optional(integer('Nanoseconds after which a check has failed.')),
        startPeriod: Type.Optional(integer('Nanoseconds from the start in which failures do not count.')),
        retries: Type.Optional(integer('How many failures in a row mean unhealthy.', { maximum: 1000 })),
      },
      { description: 'How the engine checks the target; it is shown by docker ps and decides nothing.' },
    ),
  ),
};

const fileSystem = {
  readOnly: Type.Optional(
    Type.Boolean({
      description: "Whether the image's own files cannot be written; volumes and tmpfs still can.",
    }),
  ),
  tmpfs: Type.Optional(
    mapOfText('Directories in memory, each with its mount options, as /run: size=64m,mode=1777.', {
      maxProperties: 32,
    }),
  ),
  shmSize: Type.Optional(size('The size of /dev/shm; 64m when absent.')),
  volumesFrom: Type.Optional(
    texts('Containers of the node whose volumes the target gets, as name:ro. The policy must allow it.'),
  ),
  volumeDriver: Type.Optional(
    text("The driver of the image's own volumes. The policy must allow it.", undefined, 256),
  ),
  storageOpt: Type.Optional(
    mapOfText("Options of the engine's storage driver, as size: 120G. The policy must allow it."),
  ),
};

/** The options of `spec.docker` about the target's network. */
const networkOptions = {
  network: Type.Optional(
    text('The network of the node it is in, by name. The policy must allow any but bridge and none.'),
  ),
  networkMode: Type.Optional(
    text(
      'As network: bridge, none, host, container:<id> or a name. The policy must allow all but the first two.',
    ),
  ),
  networkDisabled: Type.Optional(Type.Boolean({ description: 'Whether it has no network at all.' })),
  macAddress: Type.Optional(
    text(
      'Its address on the network. The policy must allow it.',
      '^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$',
      17,
    ),
  ),
  dns: Type.Optional(texts('The addresses of its name servers.', { maxLength: 64 })),
  dnsOpt: Type.Optional(texts('Options of its resolv.conf.')),
  dnsSearch: Type.Optional(texts('The domains in which it looks up short names.')),
  extraHosts: Type.Optional(mapOfText('More names in its /etc/hosts and their addresses.')),
  links: Type.Optional(
    mapOfText('Containers of the node and the names it knows them by. The policy must allow it.'),
  ),
  ports: Type.Optional(
    mapOf(
      intOrString('A port of the node, or ip:port; several with commas; empty for any that is free.', {
        pattern: '^([0-9a-fA-F.:\\[\\]]*[0-9]+(,[0-9a-fA-F.:\\[\\]]*[0-9]+)*)?$',
        maxLength: 1024,
      }),
      {
        description:
          "The target's ports (8080/tcp) that the node publishes, and where. The policy must allow it.",
        maxProperties: 64,
      },
    ),
  ),
  publishAllPorts: Type.Optional(
    Type.Boolean({
      description: 'Whether the node publishes every port of the image. The policy must allow it.',
    }),
  ),
};

/**
 * docker-py's keyword arguments of `run` in lowerCamelCase, with its conventions for values. Not here is what has
 * its own place in the resource (environment, entrypoint, command, volumes, mounts, name, remove, auto_remove,
 * device files of streams), what would break the run's supervision (detach, tty, stdin_open, restart_policy,
 * cgroup_parent), and what only Windows or retired engines know (isolation, cpu_count, cpu_percent, lxc_conf,
 * kernel_memory, init_path).
 */
export const dockerOptions = Type.Object(
  {
    ...identity,
    ...fileSystem,
    ...limitOptions,
    ...networkOptions,
    ...isolationOptions,
    ...privilegeOptions,
  },
  {
    description:
      "Options of Docker for the target's container: docker-py's keyword arguments in lowerCamelCase. What reaches beyond the container, the operator's policy must allow.",
    ...rules({
      rule: '!(has(self.network) && has(self.networkMode))',
      message: 'set network or networkMode, not both',
    }),
  },
);

/** `spec.docker`. */
export type DockerOptions = Type.Static<typeof dockerOptions>;
