import { delimiter } from 'node:path';
import { helmBinaries, kubernetesBinaries } from '../install/go-binaries.ts';
import { layout } from '../layout.ts';
import type { Step } from '../steps.ts';
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
    DOCKERRUN_IMAGE: 'dockerrun:dev',
    DOCKERRUN_KUBELET_ROOT: layout.kubeletRoot,
    DOCKERRUN_DOCKER_SOCKET: layout.dockerSocket,
    DOCKERRUN_CONTAINERD_SOCKET: layout.containerdSocket,
  };
}

/** Writes `.cluster/env` of this clone, to be sourced by any shell. */
export const envFileStep: Step = {
  name: 'env file',
  after: ['girder admin'],
  run: async () => {
    const lines = Object.entries(variables()).map(([name, value]) => `export ${name}='${value}'`);
    const path = `export PATH='${kubernetesBinaries()}${delimiter}${helmBinaries()}'"${delimiter}$PATH"`;
    writePrivate(layout.env, `${lines.join('\n')}\n${path}\n`);
  },
};
