/**
 * An exchange failed in a way that may pass: asking again is right. It carries no request, because a request's
 * headers hold the token. `retryAfter` is what the server asked for, in milliseconds.
 */
export class TransientFailure extends Error {
  override readonly name = 'TransientFailure';
  readonly retryAfter: number | undefined;

  constructor(message: string, retryAfter?: number) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** The server's certificate is not trusted: asking again changes nothing. */
export class UntrustedServer extends Error {
  override readonly name = 'UntrustedServer';
}
