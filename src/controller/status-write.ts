import { isDeepStrictEqual } from 'node:util';
import type { DockerRunStatus } from '../api/status.ts';

/** The least time between two writes that tell nothing but progress. */
export const progressIntervalMs = 5_000;

/** Whether a status should be written now, later (in so many milliseconds), or not at all. */
export type StatusWrite = { kind: 'now' } | { kind: 'later'; milliseconds: number } | { kind: 'never' };

/** A transition is written at once, mere progress at most every 5 s, and what is stored already never. */
export function whenToWrite(
  before: DockerRunStatus,
  after: DockerRunStatus,
  sinceLastWriteMs: number,
): StatusWrite {
  const [stored, wanted] = [plain(before), plain(after)];
  if (isDeepStrictEqual(stored, wanted)) return { kind: 'never' };
  if (!isDeepStrictEqual(milestones(before), milestones(after))) return { kind: 'now' };
  const left = progressIntervalMs - sinceLastWriteMs;
  return left <= 0 ? { kind: 'now' } : { kind: 'later', milliseconds: left };
}

/** As the API server stores it: no field without a value. */
function plain(status: DockerRunStatus): unknown {
  return JSON.parse(JSON.stringify(status));
}

function milestones({
  phase,
  reason,
  attempts,
  jobName,
  podName,
  nodeName,
  target,
}: DockerRunStatus): unknown {
  return plain({
    ...(phase === undefined ? {} : { phase }),
    ...(reason === undefined ? {} : { reason }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(jobName === undefined ? {} : { jobName }),
    ...(podName === undefined ? {} : { podName }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(target === undefined ? {} : { target }),
  });
}
