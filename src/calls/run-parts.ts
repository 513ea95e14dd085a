import type { CallSource } from './call-source.ts';
import { RunTransforms } from './run-transforms.ts';
import { RunVolumes } from './run-volumes.ts';

/** What one call adds up to, part by part. */
export class RunParts {
  /** Sentences about what is different from Girder Worker; each once. */
  readonly notes = new Set<string>();
  readonly volumes = new RunVolumes(this.notes);
  readonly transforms = new RunTransforms();
  readonly source: CallSource;

  constructor(source: CallSource) {
    this.source = source;
  }

  /** The name of a transform whose value is a key of a Secret. */
  secretArgument(text: string, key: string): string {
    return this.transforms.once('secret', { secretKeyRef: this.source.secretKey(text, key) });
  }
}
