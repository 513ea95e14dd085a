import { Type } from 'typebox';
import { intOrString, integer, mapOfText, text, texts } from './option-fields.ts';
import { mapOf, enumOf } from '../keywords.ts';

/** The options of `spec.docker` for the target's namespaces. */
export const isolationOptions = {
  ipcMode: Type.Optional(
    text(
      'The IPC namespace of the target: private, none, shareable, host or container:<id>. The DockerRunPolicy must allow all but private and none.',
      '^(private|none|shareable|host|container:.+)$',
    ),
  ),
  pidMode: Type.Optional(
    text(
      'The PID namespace of the target: host or container:<id>. The DockerRunPolicy must allow it.',
      '^(host|container:.+)$',
    ),
  ),
  utsMode: Type.Optional(
    enumOf(['host'], {
      description:
        'The UTS namespace of the target: host uses the host name of the node. The DockerRunPolicy must allow it.',
    }),
  ),
  usernsMode: Type.Optional(
    enumOf(['host'], {
      description:
        'The user namespace of the target: host turns off user remapping (userns-remap). The DockerRunPolicy must allow it.',
    }),
  ),
  cgroupns: Type.Optional(
    enumOf(['private', 'host'], {
      description:
        'The cgroup namespace of the target: private or host. The DockerRunPolicy must allow host.',
    }),
  ),
};

/** The options of `spec.docker` for privileges and devices. */
export const privilegeOptions = {
  privileged: Type.Optional(
    Type.Boolean({
      description:
        'Gives the target all capabilities and devices, which makes it root on the node. The DockerRunPolicy must allow it.',
    }),
  ),
  capAdd: Type.Optional(
    texts(
      'Capabilities to add to the default ones, such as SYS_PTRACE. The DockerRunPolicy must allow each.',
      {
        pattern: '^[A-Za-z_]+$',
        maxLength: 64,
      },
    ),
  ),
  capDrop: Type.Optional(
    texts('Capabilities to remove, such as NET_BIND_SERVICE or ALL.', {
      pattern: '^[A-Za-z_]+$',
      maxLength: 64,
    }),
  ),
  securityOpt: Type.Optional(
    texts('Options for seccomp, AppArmor and SELinux. The DockerRunPolicy must allow each.', {
      maxLength: 16_384,
    }),
  ),
  devices: Type.Optional(
    texts('Devices of the node, such as /dev/fuse:/dev/fuse:rwm. The DockerRunPolicy must allow each.', {
      pattern: '^/[^:]*(:/[^:]*)?(:[rwm]+)?$',
      maxLength: 1024,
    }),
  ),
  deviceCgroupRules: Type.Optional(
    texts('Cgroup rules for devices, such as c 13:* rwm. The DockerRunPolicy must allow each.', {
      maxLength: 64,
    }),
  ),
  deviceRequests: Type.Optional(
    Type.Array(
      Type.Object({
        driver: Type.Optional(
          text('The driver of the devices, such as nvidia. When absent, the engine chooses it.'),
        ),
        count: Type.Optional(integer('The number of devices; -1 means all.', { minimum: -1, maximum: 1024 })),
        deviceIds: Type.Optional(texts('The devices by index or UUID, in place of count.')),
        capabilities: Type.Optional(
          Type.Array(texts('Capabilities that a device must have together, such as [gpu].'), {
            description: 'Sets of capabilities. The devices must match one of them.',
            maxItems: 16,
          }),
        ),
        options: Type.Optional(mapOfText('The options of the driver.')),
      }),
      {
        description:
          'Devices such as GPUs, by capability. Prefer resources.limits, which the scheduler takes into account. The DockerRunPolicy must allow each.',
        maxItems: 16,
      },
    ),
  ),
  sysctls: Type.Optional(
    mapOf(intOrString('The value.', { maxLength: 256 }), {
      description: 'Kernel parameters of the namespaces of the target. The DockerRunPolicy must allow each.',
      maxProperties: 64,
    }),
  ),
  runtime: Type.Optional(
    text('The container runtime, such as nvidia. The DockerRunPolicy must allow it.', undefined, 256),
  ),
  logConfig: Type.Optional(
    Type.Object(
      {
        type: text('The log driver.', undefined, 256),
        config: Type.Optional(mapOfText('The options of the log driver.')),
      },
      {
        description:
          "The log driver of the engine for the output, in addition to the log of the run's pod. Defaults to none. The DockerRunPolicy must allow any other.",
      },
    ),
  ),
};
