/** An API key, which is exchanged for a short session, or a token. */
export type GirderCredentials = { readonly apiKey: string } | { readonly token: string };

/** Exchanges the API key for a token. */
export type Mint = (signal: AbortSignal) => Promise<string>;

/**
 * The current token. With an API key, a rejected token is replaced once for all requests that it was rejected
 * in.
 */
export class TokenSource {
  readonly #mint: Mint | undefined;
  #current: Promise<string | undefined> | undefined;

  constructor(source: { readonly token: string | undefined } | { readonly mint: Mint }) {
    this.#mint = 'mint' in source ? source.mint : undefined;
    this.#current = 'token' in source ? Promise.resolve(source.token) : undefined;
  }

  /** For the request that exchanges an API key, which needs no token. */
  static anonymous(): TokenSource {
    return new TokenSource({ token: undefined });
  }

  async token(signal: AbortSignal): Promise<string | undefined> {
    if (this.#current !== undefined || this.#mint === undefined) return this.#current;
    const minting = this.#mint(signal);
    this.#current = minting;
    minting.catch(() => {
      if (this.#current === minting) this.#current = undefined;
    });
    return minting;
  }

  /** A token other than the rejected one; undefined without an API key. */
  async renew(rejected: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    if (this.#mint === undefined) return undefined;
    if ((await this.token(signal)) === rejected) this.#current = undefined;
    return this.token(signal);
  }

  /** The token of the session that must be deleted at the end of the run, if there is one; forgets it. */
  async takeMinted(): Promise<string | undefined> {
    if (this.#mint === undefined) return undefined;
    const current = this.#current;
    this.#current = undefined;
    return current?.catch(() => undefined);
  }
}
