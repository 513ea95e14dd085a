import type { ChannelModel, ConfirmChannel, ConsumeMessage, Message, Options } from 'amqplib';
import { deadline, raceAbort } from '../../support/abort.ts';
import { describe } from '../../support/errors.ts';
import { Holdup } from '../holdup.ts';
import { endOf } from './watched-channel.ts';

const confirmMs = 15_000;

type Open = { readonly channel: ConfirmChannel; readonly ended: AbortSignal };

/** Publishes messages to other queues, unchanged, and knows when the broker has them. */
export class Forwarder {
  #model: ChannelModel | undefined;
  #open: Promise<Open> | undefined;
  readonly #returned = new Set<string>();

  /** Uses this connection from now on; undefined when there is none. */
  useConnection(model: ChannelModel | undefined): void {
    this.#model = model;
    this.#open = undefined;
  }

  /** Resolves when the queue has the message. @throws Holdup */
  async forward({ content, properties }: ConsumeMessage, queue: string, signal: AbortSignal): Promise<void> {
    try {
      const { channel, ended } = await this.#channel();
      const bounded = AbortSignal.any([deadline(confirmMs, signal), ended]);
      const options = publishOptions({ ...properties });
      const confirmed = new Promise<void>((resolve, reject) => {
        channel.sendToQueue(queue, content, { ...options, mandatory: true }, (error: unknown) =>
          error === null || error === undefined
            ? resolve()
            : reject(new Error('RabbitMQ did not confirm it')),
        );
      });
      await raceAbort(confirmed, bounded);
      if (this.#returned.delete(queue)) throw new Error(`there is no queue ${queue}`);
    } catch (error) {
      signal.throwIfAborted();
      throw new Holdup('forwarding', `cannot forward a message to the queue ${queue}: ${describe(error)}`, {
        cause: error,
      });
    }
  }

  async #channel(): Promise<Open> {
    const model = this.#model;
    if (model === undefined) throw new Error('no connection to RabbitMQ');
    this.#open ??= this.#create(model);
    const open = await this.#open.catch((error: unknown) => {
      this.#open = undefined;
      throw error;
    });
    if (!open.ended.aborted) return open;
    this.#open = this.#create(model);
    return this.#open;
  }

  async #create(model: ChannelModel): Promise<Open> {
    const channel = await model.createConfirmChannel();
    // `mandatory`: a message for a queue that does not exist is returned before it is confirmed.
    channel.on('return', ({ fields }: Message) => this.#returned.add(fields.routingKey));
    return { channel, ended: endOf(channel) };
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
