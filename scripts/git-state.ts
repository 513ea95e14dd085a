import { execFileSync } from 'node:child_process';

const timeoutMs = 10_000;

/** The commit that is checked out, with `-dirty` where tracked files differ; `unknown` outside of a clone. */
export function gitRevision(): string {
  const commit = git('rev-parse', 'HEAD');
  if (commit === undefined) return 'unknown';
  return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}-dirty`;
}

/** Unix seconds that stand for "now" in everything that is built: SOURCE_DATE_EPOCH, or the time of the commit. */
export function sourceDate(): number {
  const given = process.env['SOURCE_DATE_EPOCH'] ?? git('log', '-1', '--format=%ct') ?? '0';
  const seconds = Number(given);
  if (Number.isSafeInteger(seconds) && seconds >= 0) return seconds;
  throw new TypeError(`SOURCE_DATE_EPOCH must be whole seconds since 1970, not "${given}"`);
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
