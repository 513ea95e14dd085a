import { describe, errorCode, RunError } from '../../support/errors.ts';

/** What the user's credentials or ids caused keeps its reason; anything else is a failed upload of `subject`. */
export function explainUpload(error: unknown, subject: string): unknown {
  if (error instanceof RunError) {
    if (error.reason !== 'GirderUnavailable' && error.reason !== 'GirderRefused') return error;
    return new RunError('UploadFailed', error.message);
  }
  if (errorCode(error) === undefined) return error;
  return new RunError('UploadFailed', `${subject} cannot be read: ${describe(error)}`);
}
