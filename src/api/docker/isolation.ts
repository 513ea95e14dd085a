import { Type } from 'typebox';
import { intOrString, integer, mapOfText, text, texts } from './option-fields.ts';
import { mapOf, enumOf } from '../keywords.ts';

/** The options of `spec.docker` about the walls around the target. */
export const isolationOptions = {
  ipcMode: Type.Optional(
    text(
      'Whose shared memory it sees: private, none, shareable, host or container:<id>. The policy must allow all but the first two.',
      '^(private|none|shareable|host|container:.+)$',
    ),
  ),
  pidMode: Type.Optional(
    text(
      'Whose processes it sees: host or container:<id>. The policy must allow it.',
      '^(host|container:.+)$',
    ),
  ),
  utsMode: Type.Optional(
    enumOf(['host'], { description: "Takes the node's host name. The policy must allow it." }),
  ),
  usernsMode: Type.Optional(
    enumOf(['host'], {
      description: "Turns the engine's remapping of users off for it. The policy must allow it.",
    }),
  ),
  cgroupns: Type.Optional(
    enumOf(['private', 'host'], {
      description: 'Whose cgroups it sees; the policy must allow host.',
    }),
  ),
};

/** The options of `spec.docker` that give the target rights and devices. */
export const privilegeOptions = {
  privileged: Type.Optional(
    Type.Boolean({
      description:
        'Gives it every capability and device, which makes it root on the node. The policy must allow it.',
    }),
  ),
  capAdd: Type.Optional(
    texts('Capabilities it has besides the usual ones, as SYS_PTRACE. The policy must allow them.', {
      pattern: '^[A-Za-z_]+$',
      maxLength: 64,
    }),
  ),
  capDrop: Type.Optional(
    texts('Capabilities it does not have, as NET_BIND_SERVICE or ALL.', {
      pattern: '^[A-Za-z_]+$',
      maxLength: 64,
    }),
  ),
  securityOpt: Type.Optional(
    texts('Options of seccomp, AppArmor and SELinux. The policy must allow them.', { maxLength: 16_384 }),
  ),
  devices: Type.Optional(
    texts('Devices of the node, as /dev/fuse:/dev/fuse:rwm. The policy must allow them.', {
      pattern: '^/[^:]*(:/[^:]*)?(:[rwm]+)?$',
      maxLength: 1024,
    }),
  ),
  deviceCgroupRules: Type.Optional(
    texts('Kinds of devices it may use, as c 13:* rwm. The policy must allow them.', { maxLength: 64 }),
  ),
  deviceRequests: Type.Optional(
    Type.Array(
      Type.Object({
        driver: Type.Optional(text('The driver that gives them, as nvidia; any that can when absent.')),
        count: Type.Optional(integer('How many; -1 is all.', { minimum: -1, maximum: 1024 })),
        deviceIds: Type.Optional(texts('Which, by index or UUID, in place of count.')),
        capabilities: Type.Optional(
          Type.Array(texts('Capabilities it must have together, as [gpu].'), {
            description: 'What the devices must be capable of: one of these sets.',
            maxItems: 16,
          }),
        ),
        options: Type.Optional(mapOfText('Options of the driver.')),
      }),
      {
        description:
          'Devices by what they can, as GPUs; resources.limits is better, the scheduler knows of it. The policy must allow them.',
        maxItems: 16,
      },
    ),
  ),
  sysctls: Type.Optional(
    mapOf(intOrString('The value.', { maxLength: 256 }), {
      description: 'Kernel parameters of its namespaces. The policy must allow them.',
      maxProperties: 64,
    }),
  ),
  runtime: Type.Optional(
    text('The runtime of the engine that runs it, as nvidia. The policy must allow it.', undefined, 256),
  ),
  logConfig: Type.Optional(
    Type.Object(
      {
        type: text('The log driver.', undefined, 256),
        config: Type.Optional(mapOfText('Its options.')),
      },
      {
        description:
          "Where the engine itself puts the output, besides the log of the run's pod; nowhere (none) when absent. The policy must allow it.",
      },
    ),
  ),
};
