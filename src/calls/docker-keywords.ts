import { isRecord } from '../api/json-values.ts';
import { dockerOptions } from '../api/docker/options.ts';
import { isTruthy, type PyValue } from './python-value.ts';
import { optionForms, unsetAtZero, withCamelKeys } from './option-forms.ts';
import { PlainData } from './plain-data.ts';
import { quote, Refusal } from './refusal.ts';
import type { RunParts } from './run-parts.ts';

/** Keywords of docker-py without an effect here, and why; null for those that Girder Worker drops as well. */
export const ignoredKeywords: Readonly<Record<string, string | null>> = {
  detach: null,
  tty: null,
  stdout: null,
  stderr: null,
  stream: null,
  remove: null,
  auto_remove: null,
  version: null,
  name: 'the container has a name that follows from the run',
  stdin_open: 'the target has no standard input',
  restart_policy: 'a target runs once; the backoffLimit of a run repeats it',
  cgroup_parent: "the target is in its pod's cgroup",
  use_config_proxy: 'set proxies in environment',
  isolation: 'only Windows has it',
  cpu_count: 'only Windows has it',
  cpu_percent: 'only Windows has it',
  lxc_conf: 'no engine has it any more',
  kernel_memory: 'no engine has it any more',
  init_path: 'no engine has it any more',
};

/** Keywords of docker-py that a run cannot have, and what to write in their place. */
const refusedKeywords: Readonly<Record<string, string>> = {
  networking_config: 'has no counterpart; name one network with network',
  command: 'is not a keyword of docker_run; put the arguments into container_args',
};

export type DockerParts = {
  readonly docker: Record<string, unknown>;
  /** `runtime='nvidia'`: any GPU. */
  readonly wantsGpu: boolean;
};

/** What the keywords for docker-py become in `spec.docker`; mounts become volumes. */
export function dockerParts(keywords: ReadonlyMap<string, PyValue>, parts: RunParts): DockerParts {
  const docker: Record<string, unknown> = {};
  const data = new PlainData();
  let wantsGpu = false;
  for (const [keyword, value] of keywords) {
    if (keyword === 'runtime' && value === 'nvidia') wantsGpu = true;
    else if (keyword === 'mounts') addMounts(data.of(value, keyword), parts);
    else if (Object.hasOwn(ignoredKeywords, keyword)) ignore(keyword, value, parts);
    else addOption(docker, keyword, data.of(value, keyword));
  }
  return { docker, wantsGpu };
}

function ignore(keyword: string, value: PyValue, parts: RunParts): void {
  const why = ignoredKeywords[keyword];
  if (typeof why === 'string' && isTruthy(value)) parts.notes.add(`${keyword} has no effect: ${why}.`);
}

/** docker-py's name in lowerCamelCase: `shm_size`, `shmSize`. */
export function optionOf(keyword: string): string {
  return keyword.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function addOption(docker: Record<string, unknown>, keyword: string, value: unknown): void {
  const option = optionOf(keyword);
  const isKnown = /^[a-z_]+$/.test(keyword) && Object.hasOwn(dockerOptions.properties, option);
  if (!isKnown)
    throw new Refusal(
      Object.hasOwn(refusedKeywords, keyword)
        ? `${keyword} ${refusedKeywords[keyword]}`
        : `it has the keyword ${quote(keyword)}, which is neither one of docker_run nor one of docker-py for a container`,
    );
  // An empty text is docker-py's own default of many options.
  if (value === undefined || value === '' || (value === 0 && unsetAtZero.has(option))) return;
  docker[option] = Object.hasOwn(optionForms, option) ? optionForms[option]?.(value) : value;
}

const mountFields = ['target', 'source', 'type', 'readOnly'];

/** A mount is a volume; one in memory is what `tmpfs` makes. */
function addMounts(value: unknown, { volumes, notes }: RunParts): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) throw new Refusal('mounts is not a list');
  for (const [index, given] of value.entries()) {
    const mount = isRecord(given) ? withCamelKeys(given) : {};
    const { target, source, type, readOnly } = mount;
    if (typeof target !== 'string' || typeof source !== 'string' || (type !== 'bind' && type !== 'volume'))
      throw new Refusal(
        `mounts[${index}] is not a bind mount or a volume of the node with source and target; use tmpfs for a directory in memory`,
      );
    volumes.mount(source, target, readOnly === true ? 'ro' : 'rw');
    if (Object.keys(mount).some((name) => !mountFields.includes(name)))
      notes.add('The options of mounts have no effect, only source, target and read_only.');
  }
}
