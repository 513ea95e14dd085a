import type { DockerRunStatus } from '../../src/api/status.ts';

/** Phase, progress and unfinished transfers in one line. */
export function statusLine({
  phase = 'Pending',
  message,
  progress,
  transfers = [],
}: DockerRunStatus): string {
  const moving = transfers
    .filter(({ bytes, totalBytes }) => totalBytes !== undefined && bytes < totalBytes)
    .map(
      ({ name, direction, bytes, totalBytes }) => `${direction} of ${name}: ${bytes} of ${totalBytes} bytes`,
    );
  const percent = progress?.percent === undefined ? '' : ` ${progress.percent} %`;
  const doing = progress === undefined ? message : `${progress.message}${percent}`;
  return [phase, ...(doing === undefined ? [] : [doing]), ...moving].join(' · ');
}
