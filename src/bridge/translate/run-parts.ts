import { GirderAccess } from './girder-access.ts';
import type { MessageSecrets } from './message-secrets.ts';
import type { TranslationSettings } from './message-outcome.ts';
import { RunTransforms } from './run-transforms.ts';
import { RunVolumes } from './run-volumes.ts';

/** What one message adds up to, part by part. */
export class RunParts {
  readonly volumes = new RunVolumes();
  readonly transforms = new RunTransforms();
  readonly girder = new GirderAccess();
  /** Sentences about what is different from Girder Worker; each once. */
  readonly notes = new Set<string>();
  readonly name: string;
  readonly secrets: MessageSecrets;
  readonly settings: TranslationSettings;

  constructor(name: string, secrets: MessageSecrets, settings: TranslationSettings) {
    this.name = name;
    this.secrets = secrets;
    this.settings = settings;
  }

  /** The name of a transform whose value is a key of the run's Secret. */
  secretArgument(text: string, key: string): string {
    return this.transforms.once('secret', { secretKeyRef: this.secretKey(text, key) });
  }

  secretKey(text: string, key: string): { readonly name: string; readonly key: string } {
    return { name: this.name, key: this.secrets.keyOf(text, key) };
  }
}
