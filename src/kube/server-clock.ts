/**
 * The API server's time, from the Date of its answers. What the controller compares with a time that the API server
 * wrote, it compares with this one, because its own clock may be wrong by hours. Between two answers, it goes on with
 * the monotonic clock. It is right to a second, and to the delay of an answer.
 */
export class ServerClock {
  /** The time of the server minus `performance.now()`, in milliseconds; of our own clock before the first answer. */
  #offset = performance.timeOrigin;

  /** Takes the Date of an answer whose request was sent, and whose headers arrived, at these `performance.now()`. */
  observe(date: string | undefined, sentAt: number, receivedAt: number = performance.now()): void {
    const time = Date.parse(date ?? '');
    if (Number.isNaN(time)) return;
    // The Date has whole seconds, and was written between request and answer.
    const [least, most] = [time - receivedAt, time + 1_000 - sentAt];
    this.#offset = Math.min(most, Math.max(least, this.#offset));
  }

  now(at: number = performance.now()): Date {
    return new Date(this.#offset + at);
  }
}
