import type { PyObject } from '../../calls/python-value.ts';
import type { CallSource, TextPiece } from '../../calls/call-source.ts';
import { clientOf, GirderAccess } from './girder-access.ts';
import type { MessageSecrets } from './message-secrets.ts';
import type { TranslationSettings } from './message-outcome.ts';
import { absolutePathOf } from '../../calls/volume-paths.ts';

/** The source of a call that came in a message: Girder and the tokens of its objects, the settings of the bridge. */
export class MessageSource implements CallSource {
  readonly girder = new GirderAccess();
  readonly secrets: MessageSecrets;
  /** That of the run and of its Secret. */
  readonly name: string;
  readonly #settings: TranslationSettings;

  constructor(name: string, secrets: MessageSecrets, settings: TranslationSettings) {
    this.name = name;
    this.secrets = secrets;
    this.#settings = settings;
  }

  useGirder(object: PyObject): void {
    this.girder.use(object);
  }

  targetApiUrl(object: PyObject): string {
    const { targetGirderApiUrl, girderApiUrl } = this.#settings;
    return targetGirderApiUrl ?? girderApiUrl ?? clientOf(object).apiUrl;
  }

  targetToken(object: PyObject): string {
    return clientOf(object).token;
  }

  /** By the directories of Girder that the operator has mapped. */
  nodePathOf(path: string): string | undefined {
    if (!path.startsWith('/') || path.split('/').includes('..')) return undefined;
    const below = (directory: string) => `${directory.replace(/(?<!\/)\/+$/, '')}/`;
    const mapped = this.#settings.pathMap.find(({ girder }) => path.startsWith(below(girder)));
    if (mapped === undefined) return undefined;
    return absolutePathOf(
      below(mapped.node) + path.slice(below(mapped.girder).length),
      'the path of a file of Girder',
    );
  }

  pieces(text: string): TextPiece[] {
    return this.secrets.split(text);
  }

  secretKey(text: string, key: string): { readonly name: string; readonly key: string } {
    return { name: this.name, key: this.secrets.keyOf(text, key) };
  }

  /** Headers are often secrets, so that all of them are in the Secret. */
  headerValue(text: string, key: string) {
    return { valueFrom: { secretKeyRef: this.secretKey(text, key) } };
  }
}
