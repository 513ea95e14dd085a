import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { withoutBounds } from '../structural.ts';
import { dockerRunSetSpec, type DockerRunSetSpec } from './set-spec.ts';

/** The environment variable of the planner's pod that holds its {@link PlannerPlan} as JSON. */
export const plannerPlanVariable = 'DOCKERRUN_PLANNER_PLAN';

/** Where the Girder Secret is mounted is the same as in a worker: `workerPaths.girderSecret`. */
const plannerPlan = Type.Object({
  set: Type.Object({ namespace: Type.String(), name: Type.String(), uid: Type.String() }),
  spec: dockerRunSetSpec,
  pass: Type.Integer({ minimum: 1 }),
  /** Whether what failed for good is tried once more in this pass. */
  retryFailed: Type.Boolean(),
  /** The `retry` value of the results folder's metadata that was used last: a new one retries as well. */
  retryInGirder: Type.Optional(Type.String()),
  /** Origins to which Girder may redirect although they are not encrypted or local to the node. */
  girderRedirects: Type.Optional(Type.Array(Type.String())),
});

/** What the planner of a pass has to do; the controller writes it into the pod's environment. */
export type PlannerPlan = {
  readonly set: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly spec: DockerRunSetSpec;
  readonly pass: number;
  readonly retryFailed: boolean;
  readonly retryInGirder?: string;
  readonly girderRedirects?: readonly string[];
};

const acceptedPlan = Type.Unsafe<PlannerPlan>(withoutBounds(plannerPlan) as object);

/** @throws an error if the text is not a {@link PlannerPlan} in JSON. */
export function parsePlannerPlan(text: string | undefined): PlannerPlan {
  if (text === undefined) throw new TypeError(`${plannerPlanVariable} is not set`);
  const value: unknown = JSON.parse(text);
  if (Value.Check(acceptedPlan, value)) return value;
  const [first] = Value.Errors(acceptedPlan, value);
  throw new TypeError(`${plannerPlanVariable}${first?.instancePath ?? ''}: ${first?.message ?? 'invalid'}`);
}
