import { type ChannelModel, connect } from 'amqplib';
import { aborted, raceAbort, settledWithin, sleep } from '../../support/abort.ts';
import { backoffMs } from '../../support/backoff.ts';
import { describe } from '../../support/errors.ts';
import type { Logger } from '../../support/log.ts';
import type { BrokerAddress, BrokerClient } from '../bridge-config.ts';
import { acceptLongIntegers } from './long-integers.ts';

/** In seconds: a connection is given up after two intervals without a byte. */
const heartbeat = 15;
/** In milliseconds, for the connection and its handshake. */
const openMs = 15_000;
const closeMs = 3_000;
const backoff = { firstMs: 1_000, maxMs: 30_000 };
/** A connection that lasted so long resets the backoff, in milliseconds. */
const healthyMs = 30_000;

export type BrokerOptions = {
  /** Called before each connection; of several addresses, the next one is used after a failure. */
  readonly addresses: () => readonly BrokerAddress[];
  readonly ca: string | undefined;
  /** Called before each connection, because a certificate may be renewed. */
  readonly client: () => BrokerClient | undefined;
  /** Shown in RabbitMQ's list of connections. */
  readonly name: string;
  /** Works with one connection until the signal aborts, which it does when the connection ends. */
  readonly use: (model: ChannelModel, signal: AbortSignal) => Promise<void>;
  readonly onConnected: (isConnected: boolean) => void;
  readonly log: Logger;
};

/** Keeps a connection to the broker until `stop` aborts; no failure ends it. */
export async function keepConnected(options: BrokerOptions, stop: AbortSignal): Promise<void> {
  const { onConnected, log } = options;
  let failures = 0;
  for (let attempt = 0; !stop.aborted; attempt += 1) {
    const openedAt = performance.now();
    try {
      await connectOnce(options, attempt, stop);
    } catch (error) {
      if (!stop.aborted) log.warn({ error: describe(error) }, 'no connection to RabbitMQ, retrying');
    }
    onConnected(false);
    if (stop.aborted) return;
    failures = performance.now() - openedAt > healthyMs ? 0 : failures + 1;
    await sleep(backoffMs(failures, backoff), stop).catch(() => undefined);
  }
}

async function connectOnce(options: BrokerOptions, attempt: number, stop: AbortSignal): Promise<void> {
  const { use, onConnected, log } = options;
  const model = await open(options, attempt, stop);
  acceptLongIntegers(model);
  const ended = new AbortController();
  // Without a listener, amqplib's `error` would end the process.
  model.on('error', (error: Error) => ended.abort(error));
  model.on('close', () => ended.abort(new Error('RabbitMQ closed the connection')));
  model.on('blocked', (reason: string) => log.warn({ reason }, 'RabbitMQ takes no messages from publishers'));
  const signal = AbortSignal.any([stop, ended.signal]);
  onConnected(true);
  log.info('connected to RabbitMQ');
  const using = use(model, signal);
  try {
    await Promise.race([using, aborted(signal)]);
    // What was taken is finished first; on a dead connection, that fails at once.
    await using;
  } finally {
    if (!ended.signal.aborted)
      await settledWithin(
        model.close().catch(() => undefined),
        closeMs,
      );
  }
  if (ended.signal.aborted && !stop.aborted) throw ended.signal.reason;
}

async function open(options: BrokerOptions, attempt: number, stop: AbortSignal): Promise<ChannelModel> {
  const addresses = options.addresses();
  const address = addresses[attempt % addresses.length];
  if (address === undefined) throw new TypeError('the address of the broker is empty');
  const opening = connect(
    { ...address, heartbeat, frameMax: 0 },
    {
      timeout: openMs,
      keepAlive: true,
      noDelay: true,
      clientProperties: { connection_name: options.name },
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...options.client(),
    },
  );
  try {
    return await raceAbort(opening, stop);
  } catch (error) {
    // One that opens after that would stay open.
    opening.then((late) => void late.close().catch(() => undefined)).catch(() => undefined);
    throw error;
  }
}
