import { Value } from 'typebox/value';
import type { DockerRunMetadata } from '../docker-run.ts';
import { boundsProblem, dottedPath, specBounds } from '../json-values.ts';
import type { apiVersion, setKind } from '../names.ts';
import { type DockerRunSetSpec, dockerRunSetSpec } from './set-spec.ts';
import type { DockerRunSetStatus } from './set-status.ts';

export type DockerRunSet = {
  apiVersion: typeof apiVersion;
  kind: typeof setKind;
  metadata: DockerRunMetadata;
  spec: DockerRunSetSpec;
  status?: DockerRunSetStatus;
};

/** Returns the spec, or its first problem. It sets no defaults: the API server has done that. */
export function parseSetSpec(value: unknown): { spec: DockerRunSetSpec } | { problem: string } {
  const tooLarge = boundsProblem(value, specBounds);
  if (tooLarge !== undefined) return { problem: `spec: it ${tooLarge}` };
  if (Value.Check(dockerRunSetSpec, value)) return { spec: value };
  const [first] = Value.Errors(dockerRunSetSpec, value);
  return {
    problem: `spec${dottedPath(first?.instancePath ?? '')} ${first?.message ?? 'is invalid'}`,
  };
}
