import { execFileSync } from 'node:child_process';

const timeoutMs = 10_000;

/** The checked-out commit, with `-dirty` if tracked files differ; `unknown` outside a clone. */
export function gitRevision(): string {
  const commit = git('rev-parse', 'HEAD');
  if (commit === undefined) return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}-dirty`;
}

/** Files that differ from the commit or are not in it, without ignored ones; undefined outside a clone. */
export function changedFiles(): string[] | undefined {
  const status = git('status', '--porcelain', '--untracked-files=all', '-z');
  return status
    ?.split('\0')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^[ MADRCUT?!]{1,2} /, ''));
}

/** The time of reproducible builds in Unix seconds: SOURCE_DATE_EPOCH, or else the time of the commit. */
export function sourceDate(): number {
  const given = process.env['SOURCE_DATE_EPOCH'] ?? git('log', '-1', '--format=%ct') ?? '0';
  const seconds = Number(given);
  if (Number.isSafeInteger(seconds) && seconds >= 0) return seconds;
  throw new TypeError(`SOURCE_DATE_EPOCH must be an integer of seconds since 1970, not "${given}"`);
}

function git(...args: string[]): string | undefined {
  try {
    return execFileSync('git', args, {
      encoding: 'utf8',
      timeout: timeoutMs,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}
