import { parseSpec } from '../api/docker-run.ts';
import { defined } from '../api/json-values.ts';
import { dockerRunSpec } from '../api/spec.ts';
import { applyDefaults, duplicateKeys, type StructuralSchema, unknownFields } from '../api/structural.ts';
import { validateSpec } from '../api/validate.ts';
import { isPyObject, isTruthy, itemsOf, type PyValue } from './python-value.ts';
import { ArgumentTexts } from './argument-texts.ts';
import { type ContainerCall, type ContainerTask, positions } from './container-call.ts';
import { dockerParts } from './docker-keywords.ts';
import { addHooks } from './call-hooks.ts';
import { addConnector } from './call-transforms.ts';
import { quote, Refusal } from './refusal.ts';
import type { RunParts } from './run-parts.ts';
import { resourcesOf } from './run-resources.ts';

export type CallTraits = {
  readonly task: ContainerTask;
  /** Those of `girder_result_hooks`. */
  readonly hooks: readonly PyValue[];
  /** `spec.resources` where they do not depend on the call. */
  readonly resources?: object | undefined;
};

type Spec = Record<string, unknown>;

/** What a call makes of the spec of its run, without Girder and defaults. @throws Refusal if there is no such run */
export function specOfCall(
  call: ContainerCall,
  { task, hooks: given, resources: ofRun }: CallTraits,
  parts: RunParts,
): Spec {
  const texts = new ArgumentTexts(parts);
  parts.volumes.declare(call.get('volumes'));
  const [command, args] = [texts.command(call.get('entrypoint')), texts.args(call.get('container_args'))];
  const env = texts.env(call.get('environment'));
  addConnectors(call.get('stream_connectors'), parts);
  const { docker, wantsGpu } = dockerParts(dockerKeywords(call), parts);
  const hooks = addHooks(given, parts);
  if (task.readsSlicerTags) addSlicerProgress(parts);
  const resources = resourcesOf(docker, { wantsGpu, given: ofRun }, parts);
  const { volumes, transforms } = parts;
  return defined({
    image: imageOf(call),
    imagePullPolicy: pullPolicy(call.get('pull_image'), task),
    command,
    args,
    env,
    resources,
    volumes: unlessEmpty(volumes.volumes),
    dockerVolumes: unlessEmpty(volumes.dockerVolumes),
    transforms: unlessEmpty(transforms.list),
    girderResultHooks: unlessEmpty(hooks),
    docker: unlessEmpty(docker),
    removeContainer: keepsContainer(call.get('remove_container')) ? false : undefined,
  });
}

function imageOf(call: ContainerCall): string {
  const image = call.get('image');
  if (typeof image === 'string' && image !== '') return image;
  throw new Refusal('it has no image');
}

function pullPolicy(pull: PyValue | undefined, { knowsIfNotPresent }: ContainerTask): string {
  if (knowsIfNotPresent && pull === 'if-not-present') return 'IfNotPresent';
  return pull === undefined || isTruthy(pull) ? 'Always' : 'Never';
}

function keepsContainer(remove: PyValue | undefined): boolean {
  return remove !== undefined && !isTruthy(remove);
}

function addConnectors(value: PyValue | undefined, parts: RunParts): void {
  if (value === undefined || value === null) return;
  const items = itemsOf(value);
  if (items === undefined) throw new Refusal('stream_connectors is not a list');
  for (const [index, item] of items.entries()) {
    const where = `stream_connectors[${index}]`;
    if (!isPyObject(item)) throw new Refusal(`${where} is not an object such as Connect`);
    addConnector(item, where, parts);
  }
}

/** The standard output can be connected once; a connector of the message is what its caller asked for. */
function addSlicerProgress({ transforms }: RunParts): void {
  const isConnected = transforms.list.some((one) => JSON.stringify(one).includes('"containerStdOut"'));
  if (isConnected) return;
  transforms.add('slicer', { connect: { input: { containerStdOut: {} }, output: { slicerProgress: {} } } });
}

const ownKeywords: readonly string[] = [...positions, 'environment', 'stream_connectors'];

/** What is left for docker-py. Names of Girder Worker's own are left over when its signal failed. */
function dockerKeywords(call: ContainerCall): ReadonlyMap<string, PyValue> {
  if (isTruthy(call.get('girder_result_hooks')))
    throw new Refusal(
      'its results (girder_result_hooks) are among its keywords; publish it with delay() or apply_async() of Girder Worker',
    );
  const rest = [...call].filter(([name]) => !ownKeywords.includes(name) && !name.startsWith('girder_'));
  return new Map(rest);
}

function unlessEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

/** How many problems of a spec a sentence lists. */
const mostProblems = 3;

/** @throws Refusal for a spec that the API server or the controller would refuse */
export function checkSpec(spec: Spec): void {
  const problems = problemsOf(spec);
  if (problems.length > 0)
    throw new Refusal(`its DockerRun would not be valid: ${problems.slice(0, mostProblems).join('; ')}`);
}

function problemsOf(spec: Spec): string[] {
  const schema = dockerRunSpec as StructuralSchema;
  const unknown = unknownFields({ schema, value: spec, path: 'spec' });
  if (unknown.length > 0) return unknown.map((path) => `it has no field ${quote(path)}`);
  const value = applyDefaults(schema, spec);
  const parsed = parseSpec(value);
  if ('problem' in parsed) return [parsed.problem];
  return [...duplicateKeys({ schema, value, path: 'spec' }), ...validateSpec(parsed.spec)];
}
