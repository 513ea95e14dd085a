import type { Channel, ChannelModel, ConsumeMessage, Message, Options } from 'amqplib';
import { deadline, raceAbort } from '../../support/abort.ts';
import { describe } from '../../support/errors.ts';
import { Holdup } from '../holdup.ts';
import { commit, selectTransactions } from './transaction.ts';
import { endOf, onOpenChannel } from './watched-channel.ts';

const moveMs = 15_000;

type Lookup = { readonly channel: Channel; readonly ended: AbortSignal };

export type Disposition = 'ack' | 'requeue';

/**
 * Ends the deliveries of one channel. A message that belongs to another queue is published there and acknowledged here
 * in one transaction: a bridge that dies at any moment has done both or nothing.
 */
export class MessageMover {
  readonly #model: ChannelModel;
  readonly #channel: Channel;
  readonly #ended: AbortSignal;
  readonly #moved = new WeakSet<ConsumeMessage>();
  readonly #returned = new Set<string>();
  #selecting: Promise<void> | undefined;
  #lookup: Promise<Lookup> | undefined;

  /** `ended` is that of the channel. */
  constructor(model: ChannelModel, channel: Channel, ended: AbortSignal) {
    this.#model = model;
    this.#channel = channel;
    this.#ended = ended;
    // `mandatory`: what no queue has taken is returned before the commit is confirmed.
    channel.on('return', ({ fields }: Message) => this.#returned.add(fields.routingKey));
  }

  /** Acknowledges a message, or puts it back where it was; not one that was moved. */
  settle(message: ConsumeMessage, disposition: Disposition): void {
    if (this.#moved.has(message)) return;
    // On a channel that has ended, the broker delivers the message again, and that changes nothing.
    onOpenChannel(() => {
      if (disposition === 'ack') this.#channel.ack(message);
      else this.#channel.nack(message, false, true);
      if (this.#selecting !== undefined) void commit(this.#channel).catch(() => undefined);
    });
  }

  /** Resolves when the queue has the message, unchanged, and its own queue has it no more. @throws Holdup */
  async move(message: ConsumeMessage, queue: string, signal: AbortSignal): Promise<void> {
    try {
      const bounded = AbortSignal.any([deadline(moveMs, signal), this.#ended]);
      await raceAbort(this.#expectQueue(queue), bounded);
      await raceAbort((this.#selecting ??= selectTransactions(this.#channel)), bounded);
      await raceAbort(this.#publishAndAcknowledge(message, queue), bounded);
    } catch (error) {
      signal.throwIfAborted();
      throw new Holdup('forwarding', `cannot forward a message to the queue ${queue}: ${describe(error)}`, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    const lookup = await this.#lookup?.catch(() => undefined);
    if (lookup !== undefined && !lookup.ended.aborted) await lookup.channel.close().catch(() => undefined);
  }

  async #publishAndAcknowledge(message: ConsumeMessage, queue: string): Promise<void> {
    const { content, properties } = message;
    try {
      this.#publish(queue, content, properties);
      this.#channel.ack(message);
      await commit(this.#channel);
    } catch (error) {
      // What is not committed must not be committed together with the next message.
      await this.#channel.close().catch(() => undefined);
      throw error;
    }
    this.#moved.add(message);
    if (!this.#returned.delete(queue)) return;
    // The queue was deleted within the last moment.
    this.#publish(message.fields.routingKey, content, properties);
    await commit(this.#channel);
    throw new Error(`there is no queue ${queue}`);
  }

  #publish(queue: string, content: Buffer, properties: object): void {
    this.#channel.sendToQueue(queue, content, { ...publishOptions({ ...properties }), mandatory: true });
  }

  /** Asks on a channel of its own, because a queue that does not exist ends the channel. */
  async #expectQueue(queue: string): Promise<void> {
    let lookup = await this.#lookup?.catch(() => undefined);
    if (lookup === undefined || lookup.ended.aborted) {
      this.#lookup = this.#model.createChannel().then((channel) => ({ channel, ended: endOf(channel) }));
      lookup = await this.#lookup;
    }
    await lookup.channel.checkQueue(queue);
  }
}

/** Properties that are published again as they are. */
const kept = [
  'contentType',
  'contentEncoding',
  'deliveryMode',
  'priority',
  'correlationId',
  'replyTo',
  'expiration',
  'messageId',
  'timestamp',
  'type',
  'appId',
] as const;

/**
 * The options that publish a message with the properties that it came with; but for `userId`, which RabbitMQ accepts
 * from that user only, and the headers CC and BCC, by which a publisher could use the bridge's permissions to reach
 * other queues.
 */
export function publishOptions(properties: Readonly<Record<string, unknown>>): Options.Publish {
  const given = kept.flatMap((name) => (properties[name] === undefined ? [] : [[name, properties[name]]]));
  const headers = { ...(properties['headers'] as Record<string, unknown> | undefined) };
  delete headers['CC'];
  delete headers['BCC'];
  return { ...(Object.fromEntries(given) as Options.Publish), headers };
}
