import { join } from 'node:path';
import { expectAmqp } from '../health.ts';
import { layout } from '../layout.ts';
import { endpoints } from '../network.ts';
import {
  brokerEnvironment,
  brokerFiles,
  brokerProgram,
  type BrokerSettings,
  writeBrokerFiles,
} from '../setup/broker-files.ts';
import { brokerDefinitions, ensureBrokerPasswords } from '../setup/broker-users.ts';
import type { Part } from '../supervise/part.ts';
import { addressOf } from '../supervise/port-check.ts';

const directory = join(layout.state, 'rabbitmq');

function settings(): BrokerSettings {
  return {
    node: 'dockerrun',
    directory,
    amqp: endpoints.broker,
    management: addressOf(endpoints.brokerManagement),
    distributionPort: endpoints.brokerDistribution.port,
    definitions: brokerDefinitions(),
  };
}

/** The broker of Girder's tasks, on the pod bridge's address, so that Girder and pods reach it alike. */
export const rabbitmq: Part = {
  name: 'rabbitmq',
  why: 'holds the tasks of Girder’s plugins',
  after: ['network', 'epmd'],
  configure: () => {
    ensureBrokerPasswords();
    writeBrokerFiles(settings());
  },
  listens: [endpoints.broker, addressOf(endpoints.brokerManagement), endpoints.brokerDistribution],
  command: () => ({ command: brokerProgram(), args: [], env: brokerEnvironment(settings()) }),
  configFiles: brokerFiles(directory),
  checkHealth: (signal) => expectAmqp(endpoints.broker, signal),
  healthySeconds: 60,
  stopSeconds: 15,
};
