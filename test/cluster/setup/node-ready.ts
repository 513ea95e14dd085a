import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { capture } from '../command.ts';
import { kubernetesBinaries } from '../install/go-binaries.ts';
import { layout } from '../layout.ts';
import { nodeName } from '../network.ts';
import type { Step } from '../steps.ts';
import { writeKubeconfig } from './credentials.ts';

const readySeconds = 120;
const pollMillis = 500;

function kubectl(args: readonly string[], signal: AbortSignal): Promise<string> {
  return capture(join(kubernetesBinaries(), 'kubectl'), ['--kubeconfig', layout.kubeconfig, ...args], signal);
}

async function why(signal: AbortSignal): Promise<string | undefined> {
  const readyPath = '{.status.conditions[?(@.type=="Ready")].status}';
  try {
    const ready = await kubectl(['get', 'node', nodeName, '-o', `jsonpath=${readyPath}`], signal);
    if (ready !== 'True') return `node ${nodeName} is not Ready`;
    await kubectl(['get', 'serviceaccount', 'default'], signal);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Settles when the node and the default namespace take pods; labels the node as one with a Docker Engine. */
export const nodeReadyStep: Step = {
  name: 'node',
  after: ['kubelet', 'kube-proxy', 'kube-controller-manager', 'kube-scheduler'],
  run: async (signal) => {
    writeKubeconfig('admin');
    const deadline = Date.now() + readySeconds * 1000;
    for (;;) {
      const reason = await why(signal);
      if (reason === undefined) break;
      if (Date.now() > deadline) throw new Error(`the node takes no pods after ${readySeconds} s: ${reason}`);
      await sleep(pollMillis, undefined, { signal });
    }
    await kubectl(['label', 'node', nodeName, 'dockerrun.dev/docker=true', '--overwrite'], signal);
  },
};
