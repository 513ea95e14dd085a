import { defined } from '../api/json-values.ts';
import { parseQuantity } from '../api/quantity.ts';
import { type DockerRunSpec, specDefaults } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';
import type { Allowances } from './policy-schema.ts';

/** Bounds and defaults of a run, as those of a LimitRange. */

const boundedNumbers = [
  'activeDeadlineSeconds',
  'startDeadlineSeconds',
  'uploadDeadlineSeconds',
  'ttlSecondsAfterFinished',
  'terminationGracePeriodSeconds',
  'backoffLimit',
  'disruptionLimit',
] as const;

type StoredDefault = keyof typeof specDefaults;

/**
 * The number that a run has, or the bound if that is lower than the default of the API server and the run has
 * the default: otherwise the bound would refuse every run that sets none.
 */
export function boundedDefault(spec: DockerRunSpec, field: StoredDefault, policy: Allowances): number {
  const value = spec[field] ?? specDefaults[field];
  return value === specDefaults[field] ? Math.min(value, policy.max?.[field] ?? value) : value;
}

/** `spec` has its defaults already: they are bounded too. */
export function aboveBound(spec: DockerRunSpec, { max = {} }: Allowances): RunError | undefined {
  for (const field of boundedNumbers) {
    const [value, bound] = [spec[field], max[field]];
    if (value !== undefined && bound !== undefined && value > bound) return above(field, value, bound);
  }
  return resourceAbove(spec, max.resources ?? {});
}

type Quantities = Readonly<Record<string, string | number>>;

function resourceAbove({ resources = {} }: DockerRunSpec, bounds: Quantities): RunError | undefined {
  for (const kind of ['requests', 'limits'] as const) {
    for (const [name, value] of Object.entries(resources[kind] ?? {})) {
      const bound = quantityOf(bounds, name);
      if (bound !== undefined && parseQuantity(value) > parseQuantity(bound))
        return above(`resources.${kind}.${name}`, value, bound);
    }
  }
  return undefined;
}

function above(field: string, value: string | number, bound: string | number): RunError {
  const problem = `spec.${field}: the policy allows at most ${bound}, not ${value} (max)`;
  return new RunError('PolicyBoundExceeded', problem);
}

/** A run that sets no deadline, time to live or limit gets the default of the policy, or else its bound. */
export function withRunDefaults(spec: DockerRunSpec, policy: Allowances): DockerRunSpec {
  const { max = {}, runDefaults = {} } = policy;
  const activeDeadlineSeconds =
    spec.activeDeadlineSeconds ?? runDefaults.activeDeadlineSeconds ?? max.activeDeadlineSeconds;
  const ttlSecondsAfterFinished = spec.ttlSecondsAfterFinished ?? defaultTtl(policy);
  const resources = defaultedResources(spec.resources, policy);
  const numbers = {
    ...defined({ activeDeadlineSeconds, ttlSecondsAfterFinished }),
    ...loweredDefaults(spec, max),
  };
  return { ...spec, ...numbers, ...defined({ resources }) };
}

function loweredDefaults(spec: DockerRunSpec, max: NonNullable<Allowances['max']>): Partial<DockerRunSpec> {
  const bounded = Object.keys(specDefaults).filter((field): field is StoredDefault =>
    Object.hasOwn(max, field),
  );
  return Object.fromEntries(bounded.map((field) => [field, boundedDefault(spec, field, { max })]));
}

function defaultTtl({ max = {}, runDefaults = {} }: Allowances): number | undefined {
  return runDefaults.ttlSecondsAfterFinished ?? max.ttlSecondsAfterFinished;
}

/**
 * Seconds after which an ended run is deleted. The bound counts again here, since a user may change the field
 * after the run was accepted.
 */
export function timeToLiveSeconds(spec: DockerRunSpec, policy: Allowances): number | undefined {
  const seconds = spec.ttlSecondsAfterFinished ?? defaultTtl(policy);
  return seconds === undefined
    ? undefined
    : Math.min(seconds, policy.max?.ttlSecondsAfterFinished ?? seconds);
}

/** Unlike extended resources, these are used without limit by a run that names none. */
const unboundedWithoutLimit = ['cpu', 'memory', 'ephemeral-storage'];

function defaultedResources(own: DockerRunSpec['resources'], policy: Allowances): DockerRunSpec['resources'] {
  const defaults = resourceDefaults(policy);
  const requests = { ...defaults.requests, ...own?.requests };
  const limits = { ...defaults.limits, ...own?.limits };
  // What the run sets itself decides; a default that contradicts it gives way.
  for (const [name, request] of Object.entries(requests)) {
    const limit = quantityOf(limits, name);
    if (limit === undefined || parseQuantity(request) <= parseQuantity(limit)) continue;
    if (quantityOf(own?.limits, name) === undefined) limits[name] = request;
    else if (quantityOf(own?.requests, name) === undefined) requests[name] = limit;
  }
  return Object.keys({ ...requests, ...limits }).length === 0 ? own : { ...own, requests, limits };
}

function resourceDefaults({ max, runDefaults }: Allowances): { requests: Quantities; limits: Quantities } {
  const bounds = Object.entries(max?.resources ?? {}).filter(([name]) =>
    unboundedWithoutLimit.includes(name),
  );
  const { requests = {}, limits } = runDefaults?.resources ?? {};
  return { requests, limits: { ...Object.fromEntries(bounds), ...limits } };
}

function quantityOf(quantities: Quantities = {}, name: string): string | number | undefined {
  return Object.hasOwn(quantities, name) ? quantities[name] : undefined;
}
