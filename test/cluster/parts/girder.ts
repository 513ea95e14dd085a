import { join } from 'node:path';
import { expectHttpOk } from '../health.ts';
import { girderVenv } from '../install/girder-venv.ts';
import { endpoints, podBridge } from '../network.ts';
import type { Part } from '../supervise/part.ts';
import { addressOf } from '../supervise/port-check.ts';

const { host, port } = endpoints.mongo;

/** The worker plugin sends every cancel to a broker; nothing listens here, so the broker is the process itself. */
const noBroker = { GIRDER_WORKER_BROKER: 'memory://', GIRDER_WORKER_BACKEND: 'cache+memory://' };

/** Girder 5 with its jobs and worker plugins, on the pod bridge's address so that host, pods and Docker containers reach it alike. */
export const girder: Part = {
  name: 'girder',
  why: 'holds the data that runs read and write',
  after: ['network', 'girder venv', 'mongo'],
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
    env: { PYTHONUNBUFFERED: '1', ...noBroker },
  }),
  checkHealth: (signal) => expectHttpOk(`${endpoints.girder}/api/v1/system/version`, signal),
  healthySeconds: 120,
  stopSeconds: 15,
};
