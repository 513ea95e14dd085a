import { normalizedCapabilities } from '../api/docker/risk-kinds.ts';
import { type DockerOption, dangerousOptions } from '../api/docker/option-risks.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';
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
