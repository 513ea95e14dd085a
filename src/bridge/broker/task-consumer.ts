import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { sleep } from '../../support/abort.ts';
import { backoffMs } from '../../support/backoff.ts';
import { describe } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';
import type { TaskMessage } from '../translate/message-outcome.ts';
import { type Disposition, MessageMover } from './message-mover.ts';
import { amqpCode, endOf } from './watched-channel.ts';

/** What a consumer asks before it takes a message. */
export type Gate = {
  /** How many more messages may be taken now. */
  readonly room: number;
  enter(): () => void;
};

/** A message as it was delivered, and how it is moved to another queue; rejects with Holdup unless it was. */
export type Delivered = {
  readonly message: TaskMessage;
  readonly forward: (queue: string) => Promise<void>;
};

export type ConsumerOptions = {
  readonly queue: string;
  readonly gate: Gate;
  /** Never rejects. The message is acknowledged, or put back where it was in its queue, unless it was forwarded. */
  readonly take: (delivered: Delivered) => Promise<Disposition>;
  /** How many messages are worked on at once. */
  readonly prefetch: number;
  readonly onConsuming: (isConsuming: boolean) => void;
  readonly log: Logger;
};

/** In milliseconds. */
const lookEveryMs = 100;
/** How long messages in work may take when the process stops; they are delivered again afterwards. */
const drainMs = 8_000;
/** After the queue was not there (Girder creates it with its first task), or was forbidden. */
const absentMs = 5_000;
const backoff = { firstMs: 1_000, maxMs: 30_000 };

/** Takes messages from one queue, on a channel of its own: a channel that the broker closes is opened again. */
export class TaskConsumer {
  readonly #options: ConsumerOptions;
  readonly #inWork = new Set<Promise<void>>();
  #complained = '';

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  /** Consumes until the signal aborts; only that ends it. */
  async run(model: ChannelModel, signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await this.#consume(model, signal);
        failures = 0;
      } catch (error) {
        this.#complain(error, signal);
        failures += 1;
        const waitMs = amqpCode(error) === 404 ? absentMs : backoffMs(failures, backoff);
        await sleep(waitMs, signal).catch(() => undefined);
      }
    }
  }

  async #consume(model: ChannelModel, signal: AbortSignal): Promise<void> {
    const { queue } = this.#options;
    const channel = await model.createChannel();
    const ended = endOf(channel);
    const mover = new MessageMover(model, channel, ended);
    try {
      // Never declares it: the bridge needs no permission to configure, and the queue is Girder's.
      await channel.checkQueue(queue);
      this.#complained = '';
      await this.#openAndClose(channel, { mover, ended, signal });
    } finally {
      this.#options.onConsuming(false);
      await this.#drain();
      await mover.close();
      if (!ended.aborted) await channel.close().catch(() => undefined);
    }
    if (ended.aborted && !signal.aborted) throw ended.reason;
  }

  /** Consumes while the gate is open. What waits, waits in RabbitMQ, where its time does not run out. */
  async #openAndClose(
    channel: Channel,
    { mover, ended, signal }: { mover: MessageMover; ended: AbortSignal; signal: AbortSignal },
  ): Promise<void> {
    const { gate, queue, prefetch, onConsuming } = this.#options;
    const either = AbortSignal.any([ended, signal]);
    let tag: string | undefined;
    const close = async () => {
      const consumed = tag;
      tag = undefined;
      onConsuming(false);
      if (consumed !== undefined && !ended.aborted) await channel.cancel(consumed);
    };
    while (!either.aborted) {
      const { room } = gate;
      if (room > 0 && tag === undefined) {
        await channel.prefetch(Math.min(prefetch, room));
        const deliver = (raw: ConsumeMessage | null) => this.#delivered(raw, { channel, mover, signal });
        ({ consumerTag: tag } = await channel.consume(queue, deliver));
        onConsuming(true);
      } else if (room === 0 && tag !== undefined) await close();
      await sleep(lookEveryMs, either).catch(() => undefined);
    }
    await close();
  }

  #delivered(
    raw: ConsumeMessage | null,
    { channel, mover, signal }: { channel: Channel; mover: MessageMover; signal: AbortSignal },
  ): void {
    // The queue was deleted: the next channel waits until it exists again.
    if (raw === null) return void channel.close().catch(() => undefined);
    // Several queues, or another replica, may have used the room; the consumer is cancelled within a moment.
    if (this.#options.gate.room === 0) {
      setTimeout(() => mover.settle(raw, 'requeue'), 2 * lookEveryMs).unref();
      return;
    }
    const leave = this.#options.gate.enter();
    const working = this.#work(raw, mover, signal).finally(() => {
      leave();
      this.#inWork.delete(working);
    });
    this.#inWork.add(working);
  }

  async #work(raw: ConsumeMessage, mover: MessageMover, signal: AbortSignal): Promise<void> {
    const { queue, take } = this.#options;
    const { content: body, properties } = raw;
    const { headers, contentType, priority } = properties as {
      headers: unknown;
      contentType: unknown;
      priority: unknown;
    };
    const message: TaskMessage = {
      headers,
      contentType: typeof contentType === 'string' ? contentType : undefined,
      body,
      queue,
      priority: typeof priority === 'number' ? priority : undefined,
    };
    const forward = (to: string) => mover.move(raw, to, signal);
    mover.settle(raw, await take({ message, forward }));
  }

  async #drain(): Promise<void> {
    const late = sleep(drainMs);
    await Promise.race([Promise.all(this.#inWork), late]);
  }

  #complain(error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return;
    const { queue, log } = this.#options;
    const text = describe(error);
    if (text === this.#complained) return;
    this.#complained = text;
    const isAbsent = amqpCode(error) === 404;
    if (isAbsent) log.warn({ queue }, 'the queue does not exist yet; Girder creates it with its first task');
    else log.warn({ queue, error: text }, 'cannot take messages from the queue, retrying');
  }
}
