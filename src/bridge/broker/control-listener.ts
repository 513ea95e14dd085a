import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import { aborted, sleep } from '../../support/abort.ts';
import { backoffMs } from '../../support/backoff.ts';
import { describe } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';
import { answerTo, type ControlRequest, parseControl, type WorkerState } from './control-answers.ts';
import { amqpCode, endOf, onOpenChannel } from './watched-channel.ts';

const exchange = 'celery.pidbox';

/** In milliseconds: after the exchange was not there, which Girder creates with its first control message. */
const absentMs = 5_000;
const backoff = { firstMs: 1_000, maxMs: 30_000 };

type Listener = {
  readonly name: string;
  readonly state: () => WorkerState;
  /** The broadcast of a cancel: a hint, which may be missing or wrong. */
  readonly onRevoke: (taskIds: readonly string[]) => void;
  readonly log: Logger;
};

/** Answers control messages like a worker of Celery, until the signal aborts; only that ends it. */
export async function listenToControl(
  listener: Listener,
  model: ChannelModel,
  signal: AbortSignal,
): Promise<void> {
  let failures = 0;
  let complained = '';
  while (!signal.aborted) {
    const error = await listenOnce(listener, model, signal).catch((failure: unknown) => failure);
    if (signal.aborted) return;
    const text = describe(error);
    const isAbsent = amqpCode(error) === 404;
    if (text !== complained && !isAbsent)
      listener.log.warn({ error: text }, 'cannot answer the control messages of Celery, retrying');
    complained = text;
    failures = isAbsent ? 0 : failures + 1;
    await sleep(isAbsent ? absentMs : backoffMs(failures, backoff), signal).catch(() => undefined);
  }
}

async function listenOnce(listener: Listener, model: ChannelModel, signal: AbortSignal): Promise<unknown> {
  const channel = await model.createChannel();
  const ended = endOf(channel);
  try {
    await channel.checkExchange(exchange);
    const queue = `${listener.name}.${exchange}`;
    // As Celery declares that of a worker.
    const bounds = { expires: 10_000, messageTtl: 300_000 };
    await channel.assertQueue(queue, { exclusive: true, autoDelete: true, durable: false, ...bounds });
    await channel.bindQueue(queue, exchange, '');
    await channel.consume(queue, (message) => received(listener, channel, message), { noAck: true });
    await aborted(AbortSignal.any([ended, signal]));
  } finally {
    if (!ended.aborted) await channel.close().catch(() => undefined);
  }
  return ended.reason;
}

let clock = 0;

function received(
  { name, state, onRevoke, log }: Listener,
  channel: Channel,
  message: ConsumeMessage | null,
): void {
  if (message === null) return void channel.close().catch(() => undefined);
  const request = parseControl(message.content);
  if (request === undefined || !isFor(name, request)) return;
  if (request.method === 'revoke') onRevoke(request.revoked);
  if (request.replyTo === undefined) return;
  const answer = answerTo(request.method, state());
  if (answer === undefined) return;
  log.debug({ method: request.method }, 'answered a control message');
  const { exchange: to, routingKey } = request.replyTo;
  const headers = { ticket: request.ticket ?? '', clock: (clock += 1) };
  const content = Buffer.from(JSON.stringify({ [name]: answer }));
  const format = { contentType: 'application/json', contentEncoding: 'utf-8', deliveryMode: 1 };
  onOpenChannel(() => channel.publish(to, routingKey, content, { ...format, headers }));
}

function isFor(name: string, { destination }: ControlRequest): boolean {
  return destination === undefined || destination.includes(name);
}
