import { delimiter } from 'node:path';
import { girderPython } from '../install/girder-venv.ts';
import { helmBinaries, kubernetesBinaries } from '../install/go-binaries.ts';
import { layout } from '../layout.ts';
import type { Step } from '../steps.ts';
import { brokerUrl } from './broker-users.ts';
import { girderApiKey } from './girder-admin.ts';
import { girderApiUrl } from './girder-rest.ts';
import { writePrivate } from './config-file.ts';

/** What a user of the cluster needs to know, as shell variables. */
function variables(): Record<string, string> {
  return {
    KUBECONFIG: layout.kubeconfig,
    DOCKER_HOST: `unix://${layout.dockerSocket}`,
    GIRDER_API_URL: girderApiUrl,
    GIRDER_API_KEY: girderApiKey() ?? '',
    GIRDER_PYTHON: girderPython(),
    GIRDER_WORKER_BROKER: brokerUrl('girder'),
    GIRDER_WORKER_BACKEND: 'rpc://',
    DOCKERRUN_BRIDGE_BROKER: brokerUrl('bridge'),
    DOCKERRUN_IMAGE: 'dockerrun:dev',
    DOCKERRUN_KUBELET_ROOT: layout.kubeletRoot,
    DOCKERRUN_DOCKER_SOCKET: layout.dockerSocket,
    DOCKERRUN_CONTAINERD_SOCKET: layout.containerdSocket,
  };
}

/** Writes `.cluster/env` of this clone, to be sourced by any shell. */
export const envFileStep: Step = {
  name: 'env file',
  after: ['girder admin', 'rabbitmq'],
  run: async () => {
    const lines = Object.entries(variables()).map(([name, value]) => `export ${name}='${value}'`);
    const path = `export PATH='${kubernetesBinaries()}${delimiter}${helmBinaries()}'"${delimiter}$PATH"`;
    writePrivate(layout.env, `${lines.join('\n')}\n${path}\n`);
  },
};
