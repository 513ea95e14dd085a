import { ConfinedPathError } from '../../io/confined-path.ts';
import { errorCode, RunError } from '../../support/errors.ts';

/** Errors of the volume in the user's words, `subject` being like "folder 5f0c…"; Girder's are classified already. */
export function explainDownload(error: unknown, subject: string, into: string): unknown {
  if (error instanceof RunError) return error;
  if (error instanceof ConfinedPathError) {
    return new RunError(placeReasons[error.problem], `${subject} cannot be downloaded: ${error.message}`);
  }
  const why = volumeTroubles.get(errorCode(error) ?? '');
  if (why === undefined) return error;
  return new RunError(
    'DownloadFailed',
    `${subject} cannot be written into ${into}: ${why} (${errorCode(error)})`,
  );
}

const placeReasons = {
  invalid: 'InvalidSpec',
  exists: 'FileExists',
  unsafe: 'DownloadFailed',
  missing: 'DownloadFailed',
} as const;

const volumeTroubles = new Map([
  ['ENOSPC', 'there is no space left on the volume'],
  ['EDQUOT', 'the quota of the volume is used up'],
  ['EFBIG', 'the volume does not take files of this size'],
  ['ENAMETOOLONG', 'the volume does not take names of this length'],
  ['EACCES', 'the worker may not write there'],
  ['EPERM', 'the worker may not write there'],
  ['EROFS', 'the volume is read-only'],
  ['ENOENT', 'the volume does not exist'],
  ['EIO', 'the disk has errors'],
]);
