import type { JsonNode } from '../pickle/json-nodes.ts';
import type { TextPiece } from '../../calls/call-source.ts';
import { Refusal } from '../../calls/refusal.ts';

/** What can be a token of Girder, whose own have 64 letters and digits. A shorter text may be in any other text. */
const tokenLike = /^[A-Za-z0-9._~+/=-]{16,512}$/;

/** Names under which a message carries tokens: of clients, of jobs, and of arguments of plugins. */
const tokenName = /^(token|girder[-_]?token|girder_client_token)$/i;

/** Every token in a message. */
export function tokensIn(nodes: readonly JsonNode[]): Set<string> {
  const tokens = new Set<string>();
  const open: JsonNode[] = [...nodes];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (Array.isArray(node)) for (const item of node as readonly JsonNode[]) open.push(item);
    if (!(node instanceof Map)) continue;
    for (const [name, field] of node as ReadonlyMap<string, JsonNode>) {
      if (typeof field === 'string' && tokenName.test(name) && tokenLike.test(field)) tokens.add(field);
      else open.push(field);
    }
  }
  return tokens;
}

/** In characters: tokens are looked up by their beginning, so that the time does not depend on how many there are. */
const beginning = 16;

/** How many tokens may begin alike: those of Girder are random. */
const mostAlike = 32;

/** The secret texts of one message, and the keys of the Secret that holds those which the run needs. */
export class MessageSecrets {
  readonly data: Record<string, string> = {};
  readonly #byBeginning = new Map<string, string[]>();
  readonly #keys = new Map<string, string>();

  constructor(tokens: ReadonlySet<string>) {
    for (const token of tokens) {
      const start = token.slice(0, beginning);
      const others = this.#byBeginning.get(start) ?? [];
      if (others.length === mostAlike)
        throw new Refusal('the message has texts as tokens that Girder did not make');
      this.#byBeginning.set(start, [...others, token]);
    }
  }

  /** The key of a text in the Secret; equal texts share a key. */
  keyOf(text: string, name: string): string {
    const known = this.#keys.get(text);
    if (known !== undefined) return known;
    const key = Object.hasOwn(this.data, name) ? `${name}-${this.#keys.size + 1}` : name;
    this.data[key] = text;
    this.#keys.set(text, key);
    return key;
  }

  /** Stores a text under the key that the worker reads it from. */
  set(key: 'token' | 'jobToken', text: string): void {
    this.data[key] = text;
  }

  /** The pieces of a text: tokens, and what is between them. */
  split(text: string): TextPiece[] {
    const pieces: TextPiece[] = [];
    let done = 0;
    for (let at = 0; this.#byBeginning.size > 0 && at + beginning <= text.length; at += 1) {
      const token = this.#tokenAt(text, at);
      if (token === undefined) continue;
      if (at > done) pieces.push({ text: text.slice(done, at), isToken: false });
      pieces.push({ text: token, isToken: true });
      done = at + token.length;
      at = done - 1;
    }
    return done < text.length ? [...pieces, { text: text.slice(done), isToken: false }] : pieces;
  }

  has(text: string): boolean {
    return this.split(text).some(({ isToken }) => isToken);
  }

  /** The text with `…` in place of each token. */
  without(text: string): string {
    return this.split(text)
      .map((piece) => (piece.isToken ? '…' : piece.text))
      .join('');
  }

  #tokenAt(text: string, at: number): string | undefined {
    const candidates = this.#byBeginning.get(text.slice(at, at + beginning)) ?? [];
    const found = candidates.filter((token) => text.startsWith(token, at));
    return found.reduce<string | undefined>(
      (longest, token) => (longest === undefined || token.length > longest.length ? token : longest),
      undefined,
    );
  }
}
