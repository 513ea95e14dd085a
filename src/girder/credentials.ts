/** How a run proves itself to Girder: a key that is exchanged for a short session, or a ready token. */
export type GirderCredentials = { readonly apiKey: string } | { readonly token: string };

/** Exchanges the API key for a token. */
export type Mint = (signal: AbortSignal) => Promise<string>;

/** The token in use. With an API key a refused token is replaced, once for all requests that were refused it. */
export class TokenSource {
  readonly #mint: Mint | undefined;
  #current: Promise<string | undefined> | undefined;

  constructor(source: { readonly token: string | undefined } | { readonly mint: Mint }) {
    this.#mint = 'mint' in source ? source.mint : undefined;
    this.#current = 'token' in source ? Promise.resolve(source.token) : undefined;
  }

  /** For the one request that is made without a token. */
  static anonymous(): TokenSource {
    return new TokenSource({ token: undefined });
  }

  /** The token to use now. */
  async token(signal: AbortSignal): Promise<string | undefined> {
    if (this.#current !== undefined || this.#mint === undefined) return this.#current;
    const minting = this.#mint(signal);
    this.#current = minting;
    minting.catch(() => {
      if (this.#current === minting) this.#current = undefined;
    });
    return minting;
  }

  /** A token other than the refused one, or undefined when there is none to be had. */
  async renew(refused: string | undefined, signal: AbortSignal): Promise<string | undefined> {
    if (this.#mint === undefined) return undefined;
    if ((await this.token(signal)) === refused) this.#current = undefined;
    return this.token(signal);
  }

  /** The token that was made here and must not outlive the run, if there is one; the source is empty afterwards. */
  async surrender(): Promise<string | undefined> {
    if (this.#mint === undefined) return undefined;
    const current = this.#current;
    this.#current = undefined;
    return current?.catch(() => undefined);
  }
}
