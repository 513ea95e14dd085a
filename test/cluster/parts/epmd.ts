import { join } from 'node:path';
import { expectErlangNames } from '../health.ts';
import { erlangPrograms } from '../install/rabbitmq-files.ts';
import { endpoints } from '../network.ts';
import type { Part } from '../supervise/part.ts';

/** Erlang's list of nodes. RabbitMQ would start one itself, which nobody would end. */
export const epmd: Part = {
  name: 'epmd',
  why: 'lists RabbitMQ’s node',
  after: ['rabbitmq files'],
  listens: [endpoints.erlangNames],
  command: () => ({
    command: join(erlangPrograms(), 'epmd'),
    args: ['-port', String(endpoints.erlangNames.port), '-address', endpoints.erlangNames.host],
  }),
  checkHealth: (signal) => expectErlangNames(endpoints.erlangNames, signal),
  healthySeconds: 20,
  stopSeconds: 5,
};
