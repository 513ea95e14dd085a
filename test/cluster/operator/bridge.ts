import { stringify } from 'yaml';
import { brokerUrl } from '../setup/broker-users.ts';
import { girderApiUrl } from '../setup/girder-rest.ts';
import { kubectl } from './kubernetes-cli.ts';

/** Where the tasks of Girder's plugins run. */
export const tasksNamespace = 'girder-tasks';

/** A directory that a plugin names as one of Girder's disk, and where the node has it: below what runs may mount. */
export const girderDisk = { girder: '/girder-disk', node: '/srv/dockerrun' };

const secretName = 'girder-broker';
const secondsToLive = 3600;

/** Creates what the bridge needs beside the chart: the address of the broker in a Secret, and the namespace of its runs. */
export async function prepareBridge(namespace: string, signal: AbortSignal): Promise<void> {
  const objects = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: tasksNamespace } },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: secretName, namespace },
      stringData: { url: brokerUrl('bridge') },
    },
  ];
  const apply = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
  await kubectl(apply, signal, objects.map((one) => stringify(one)).join('---\n'));
}

/** The values of the chart: it takes the tasks of Girder's queue, and passes others on to Girder's own worker. */
export function bridgeValues(): unknown {
  return {
    enabled: true,
    broker: { secretName },
    girder: { apiUrl: girderApiUrl },
    queues: [{ queue: 'celery', namespace: tasksNamespace, ttlSecondsAfterFinished: secondsToLive }],
    foreignQueue: 'local',
    pathMap: [girderDisk],
  };
}
