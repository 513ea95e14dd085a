import type { Channel } from 'amqplib';

/** AMQP's transactions, which amqplib sends but has no method for (https://www.rabbitmq.com/amqp-0-9-1-reference#class.tx). */
const tx = { select: 5_898_250, selectOk: 5_898_251, commit: 5_898_260, commitOk: 5_898_261 };

type Requests = { rpc(method: number, fields: object, expected: number): Promise<unknown> };

const requests = (channel: Channel) => channel as unknown as Requests;

/** From now on, what is published and acknowledged on the channel counts with the next commit, or not at all. */
export async function selectTransactions(channel: Channel): Promise<void> {
  await requests(channel).rpc(tx.select, {}, tx.selectOk);
}

/** Resolves when the broker has all that was published and acknowledged since the last commit. */
export async function commit(channel: Channel): Promise<void> {
  await requests(channel).rpc(tx.commit, {}, tx.commitOk);
}
