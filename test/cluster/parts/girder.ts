import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expectHttpOk } from '../health.ts';
import { girderPlugin } from '../install/girder-plugin.ts';
import { girderVenv } from '../install/girder-venv.ts';
import { layout } from '../layout.ts';
import { endpoints, podBridge } from '../network.ts';
import { brokerUrl, ensureBrokerPasswords } from '../setup/broker-users.ts';
import type { Part } from '../supervise/part.ts';
import { addressOf } from '../supervise/port-check.ts';

const { host, port } = endpoints.mongo;

/** Files of Python that tests put here are run by the tests' plugin. */
export const examplesDirectory = join(layout.state, 'girder-examples');

/**
 * Girder 5 with its jobs, worker and Slicer CLI plugins, and one of the tests, on the pod bridge's address, so that host,
 * pods and Docker containers reach it alike.
 */
export const girder: Part = {
  name: 'girder',
  why: 'holds the data that runs read and write',
  after: ['network', 'girder venv', 'girder plugin', 'mongo'],
  configure: () => {
    ensureBrokerPasswords();
    mkdirSync(examplesDirectory, { recursive: true, mode: 0o700 });
  },
  listens: [addressOf(endpoints.girder)],
  command: () => ({
    command: join(girderVenv(), 'bin', 'girder'),
    args: [
      'serve',
      '--mode=production',
      `--database=mongodb://${host}:${port}/girder`,
      `--host=${podBridge.address}`,
      `--port=${new URL(endpoints.girder).port}`,
    ],
    env: {
      PYTHONUNBUFFERED: '1',
      PYTHONPATH: girderPlugin(),
      DOCKERRUN_TEST_EXAMPLES: examplesDirectory,
      GIRDER_WORKER_BROKER: brokerUrl('girder'),
      GIRDER_WORKER_BACKEND: 'rpc://',
    },
  }),
  checkHealth: (signal) => expectHttpOk(`${endpoints.girder}/api/v1/system/version`, signal),
  healthySeconds: 120,
  stopSeconds: 15,
};
