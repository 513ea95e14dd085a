import { validateDocker } from '../docker/validate.ts';
import type { DockerRunSpec } from '../spec.ts';
import { nameProblems } from './names.ts';
import { placeProblems } from './places.ts';
import { resourceProblems } from './resources.ts';
import { streamProblems } from './streams.ts';
import { uploadProblems } from './uploads.ts';

/**
 * What is wrong in a spec that the schema alone cannot see: names that nothing declares, one name for two things,
 * two mounts at one place. Gives one sentence per problem, each with the field; none when the spec is good.
 */
export function validateSpec(spec: DockerRunSpec): string[] {
  const large = tooLarge(spec);
  if (large.length > 0) return large;
  return [
    ...nameProblems(spec),
    ...placeProblems(spec),
    ...streamProblems(spec),
    ...uploadProblems(spec),
    ...resourceProblems(spec),
    ...validateDocker(spec.docker, spec.resources),
  ];
}

/**
 * The run travels to its worker in one environment variable, which Linux limits to 128 KiB (MAX_ARG_STRLEN); the
 * rest is for what the controller adds.
 */
const mostBytes = 100 * 1024;

function tooLarge(spec: DockerRunSpec): string[] {
  const bytes = Buffer.byteLength(JSON.stringify(spec));
  if (bytes <= mostBytes) return [];
  return [
    `spec: it has ${bytes} bytes as JSON, and at most ${mostBytes} fit into a run; put the rest into a file`,
  ];
}
