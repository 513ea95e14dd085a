import { isDeepStrictEqual } from 'node:util';
import { dangerousOptions, type DockerOption } from '../api/docker/option-risks.ts';
import type { DockerOptions } from '../api/docker/options.ts';
import { normalizedCapabilities } from '../api/docker/risk-kinds.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';
import { matchesGlob } from './patterns.ts';
import type { Allowances } from './policy-schema.ts';

export function refusedDockerOption({ docker }: DockerRunSpec, policy: Allowances): RunError | undefined {
  const refused = dangerousOptions(docker ?? {}).find(
    ({ option, value }) => !allowsDockerOption(policy, option, value),
  );
  if (refused === undefined) return undefined;
  const { option, value, why } = refused;
  return new RunError(
    'DockerOptionNotAllowed',
    `spec.docker.${option}: the policy does not allow ${value === '' ? 'it' : value}, because ${why}`,
  );
}

/** `value` is one that `dangerousOptions` returned for `option`. */
export function allowsDockerOption(
  { dockerOptions = [] }: Allowances,
  option: DockerOption,
  value: string,
): boolean {
  const normalize = (text: string) =>
    option === 'capAdd' ? (normalizedCapabilities([text])[0] ?? text) : text;
  return dockerOptions.some(
    (allowed) =>
      allowed.option === option &&
      (allowed.values === undefined || allowed.values.some((listed) => normalize(String(listed)) === value)),
  );
}

/** They depend on each other: a run or policy that sets one of them sets the network as a whole. */
const networkOptions: readonly DockerOption[] = ['network', 'networkMode', 'networkDisabled'];

/** A run may repeat a required option, but not set another value, nor another option of the network. */
export function refusedRequirement(
  { docker = {} }: DockerRunSpec,
  { dockerRequired = {} }: Allowances,
): RunError | undefined {
  for (const option of Object.keys(dockerRequired) as DockerOption[]) {
    const fixed = networkOptions.includes(option) ? networkOptions : [option];
    const changed = fixed.find(
      (name) => docker[name] !== undefined && !isDeepStrictEqual(docker[name], dockerRequired[name]),
    );
    if (changed === undefined) continue;
    const problem = `spec.docker.${changed}: the policy requires ${option} ${JSON.stringify(dockerRequired[option])} (dockerRequired)`;
    return new RunError('DockerOptionNotAllowed', problem);
  }
  return undefined;
}

/** `options`, with those of `defaults` that they leave open; the options of the network count as one. */
export function withDefaults(options: DockerOptions, defaults: DockerOptions): DockerOptions {
  const setsNetwork = networkOptions.some((option) => options[option] !== undefined);
  const { network: _, networkMode: _mode, networkDisabled: _disabled, ...others } = defaults;
  return { ...(setsNetwork ? others : defaults), ...options };
}

/** The ports of the node that `docker.ports` names must be in one of `hostPorts`. */
export function refusedHostPort(
  { docker = {} }: DockerRunSpec,
  { hostPorts }: Allowances,
): RunError | undefined {
  if (hostPorts === undefined) return undefined;
  const named = Object.values(docker.ports ?? {}).flatMap((ports) => String(ports).split(','));
  const refused = named
    .filter((text) => text !== '')
    // As the body for the engine is made: an address in front may have colons, too.
    .map((text) => Number(text.slice(text.lastIndexOf(':') + 1)))
    // The engine chooses a free port for 0.
    .find(
      (port) => port !== 0 && !hostPorts.some(({ first, last = first }) => first <= port && port <= last),
    );
  if (refused === undefined) return undefined;
  const problem = `spec.docker.ports: the policy does not allow port ${refused} of the node (hostPorts)`;
  return new RunError('DockerOptionNotAllowed', problem);
}

/** The refusal of the first named volume of Docker that a run may not use as it does. */
export function refusedNamedVolume(
  { volumes = [] }: DockerRunSpec,
  { namedVolumes = [] }: Allowances,
): RunError | undefined {
  for (const { name, namedVolume } of volumes) {
    if (namedVolume === undefined) continue;
    const { volumeName, readOnly, create } = namedVolume;
    const field = `spec.volumes: ${name}.namedVolume`;
    const matching = namedVolumes.filter((entry) => matchesGlob(volumeName, entry.name));
    if (matching.length === 0)
      return volumeRefusal(`${field}.volumeName: the policy does not allow ${volumeName} (namedVolumes)`);
    const writable = matching.filter((entry) => entry.readOnly !== true);
    if (!readOnly && writable.length === 0) {
      return volumeRefusal(
        `${field}: the policy allows only read access to ${volumeName} (namedVolumes); set readOnly: true`,
      );
    }
    if (create && !writable.some((entry) => entry.create === true)) {
      return volumeRefusal(
        `${field}.create: the policy does not allow runs to create ${volumeName} (namedVolumes)`,
      );
    }
  }
  return undefined;
}

function volumeRefusal(message: string): RunError {
  return new RunError('NamedVolumeNotAllowed', message);
}
