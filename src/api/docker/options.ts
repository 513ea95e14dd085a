import { Type } from 'typebox';
import { mapOf, rules } from '../keywords.ts';
import { group } from '../names.ts';
import { isolationOptions, privilegeOptions } from './isolation.ts';
import { limitOptions } from './limits.ts';
import { integer, intOrString, mapOfText, size, text, texts } from './option-fields.ts';

const identity = {
  user: Type.Optional(
    intOrString(
      'The user of the target: a name or UID, optionally with `:group`. Defaults to the user of the image.',
      {
        maxLength: 256,
      },
    ),
  ),
  groupAdd: Type.Optional(
    Type.Array(intOrString('The name or GID of a group.', { maxLength: 256 }), {
      description: 'Supplementary groups of the user.',
      maxItems: 64,
    }),
  ),
  workingDir: Type.Optional(
    text('The working directory of the target. Defaults to that of the image.', '^/'),
  ),
  hostname: Type.Optional(
    text('The host name of the target.', '^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$', 64),
  ),
  domainname: Type.Optional(text('The domain name of the target.', '^[A-Za-z0-9]([A-Za-z0-9.-]*)?$', 64)),
  labels: Type.Optional(
    mapOf(Type.String({ maxLength: 1024 }), {
      description: `Labels of the container, in addition to those of ${group}.`,
      maxProperties: 64,
      ...rules({
        rule: `self.all(name, !name.startsWith('${group}/'))`,
        message: `labels of ${group}/ are reserved for DockerRun`,
      }),
    }),
  ),
  stopSignal: Type.Optional(
    text(
      'The signal that asks the target to stop, such as SIGINT. Defaults to that of the image, or else to SIGTERM.',
      '^([A-Z][A-Z0-9+-]*|[0-9]{1,2})$',
      16,
    ),
  ),
  init: Type.Optional(
    Type.Boolean({
      description:
        'Whether an init process that forwards signals and reaps orphans starts the target. When absent, an init process is used if the engine has one.',
    }),
  ),
  platform: Type.Optional(
    text('The required platform of the image, such as linux/arm64.', '^[a-z0-9]+(/[a-z0-9]+){0,2}$', 64),
  ),
  healthcheck: Type.Optional(
    Type.Object(
      {
        test: Type.Optional(
          texts('The command: [CMD, …], [CMD-SHELL, text], or [NONE] to disable the check.', {
            maxItems: 64,
            maxLength: 4096,
          }),
        ),
        interval: Type.Optional(integer('The time between two checks, in nanoseconds.')),
        timeout: Type.Optional(integer('The time after which a check fails, in nanoseconds.')),
        startPeriod: Type.Optional(
          integer('The time after the start in which failures do not count, in nanoseconds.'),
        ),
        retries: Type.Optional(
          integer('How many consecutive failures make the container unhealthy.', { maximum: 1000 }),
        ),
      },
      {
        description:
          'The health check of the engine. Only docker ps shows the result; it does not affect the run.',
      },
    ),
  ),
};

const fileSystem = {
  readOnly: Type.Optional(
    Type.Boolean({
      description: 'Whether the root file system is read-only. Volumes and tmpfs stay writable.',
    }),
  ),
  tmpfs: Type.Optional(
    mapOfText('Directories in memory, each with its mount options, such as /run: size=64m,mode=1777.', {
      maxProperties: 32,
    }),
  ),
  shmSize: Type.Optional(size('The size of /dev/shm. Defaults to 64m.')),
  volumesFrom: Type.Optional(
    texts(
      'Containers on the node whose volumes are mounted into the target, such as name:ro. The DockerRunPolicy must allow each.',
    ),
  ),
  volumeDriver: Type.Optional(
    text(
      'The driver for the volumes that the image declares. The DockerRunPolicy must allow it.',
      undefined,
      256,
    ),
  ),
  storageOpt: Type.Optional(
    mapOfText(
      "Options of the engine's storage driver, such as size: 120G. The DockerRunPolicy must allow each.",
    ),
  ),
};

const networkOptions = {
  network: Type.Optional(
    text('The name of a Docker network on the node. The DockerRunPolicy must allow all but bridge and none.'),
  ),
  networkMode: Type.Optional(
    text(
      'As network: bridge, none, host, container:<id> or a name. The DockerRunPolicy must allow all but bridge and none.',
    ),
  ),
  networkDisabled: Type.Optional(Type.Boolean({ description: 'Whether the target has no network.' })),
  macAddress: Type.Optional(
    text(
      'The MAC address of the target. The DockerRunPolicy must allow it.',
      '^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$',
      17,
    ),
  ),
  dns: Type.Optional(texts('The addresses of the DNS servers.', { maxLength: 64 })),
  dnsOpt: Type.Optional(texts('Options for resolv.conf.')),
  dnsSearch: Type.Optional(texts('The search domains for short host names.')),
  extraHosts: Type.Optional(mapOfText('Additional host names in /etc/hosts, with their addresses.')),
  links: Type.Optional(
    mapOfText(
      'Containers on the node, each with its alias in the target. The DockerRunPolicy must allow each.',
    ),
  ),
  ports: Type.Optional(
    mapOf(
      intOrString('A port of the node, or ip:port; several separated by commas; empty for any free port.', {
        // An address alone would be taken for no port at all, and so for any port on every address.
        pattern: '^(([0-9a-fA-F.:\\[\\]]*:)?[0-9]+(,([0-9a-fA-F.:\\[\\]]*:)?[0-9]+)*)?$',
        maxLength: 1024,
      }),
      {
        description:
          'Ports of the target (8080/tcp) to publish on the node, each with the port of the node. The DockerRunPolicy must allow each.',
        maxProperties: 64,
      },
    ),
  ),
  publishAllPorts: Type.Optional(
    Type.Boolean({
      description:
        'Whether all ports of the image are published on the node. The DockerRunPolicy must allow it.',
    }),
  ),
};

/**
 * docker-py's keyword arguments of `run` in lowerCamelCase, with its conventions for values. Left out are
 * those that the resource has elsewhere (environment, entrypoint, command, volumes, mounts, name, remove,
 * auto_remove, device files of streams), that would break the supervision of the run (detach, tty,
 * stdin_open, restart_policy, cgroup_parent), or that only Windows or retired engines support (isolation,
 * cpu_count, cpu_percent, lxc_conf, kernel_memory, init_path).
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
      "Docker options of the target's container: docker-py's keyword arguments in lowerCamelCase. The DockerRunPolicy must allow each option that reaches beyond the container.",
    ...rules({
      rule: '!(has(self.network) && has(self.networkMode))',
      message: 'set network or networkMode, not both',
    }),
  },
);

export type DockerOptions = Type.Static<typeof dockerOptions>;
