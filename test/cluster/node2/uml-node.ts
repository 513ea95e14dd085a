import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expectHttpOk } from '../health.ts';
import { layout } from '../layout.ts';
import type { Part } from '../supervise/part.ts';
import type { EngineChoice } from './engines.ts';
import { writeNodeFiles } from './node-files.ts';
import { nodeDisk } from './node-root.ts';
import { node2, node2Files } from './node2-layout.ts';
import { umlKernel } from './uml-kernel.ts';

/** Half of it is enough for runs, but a kernel with so little has panicked. */
const memory = '3G';

/** The machine of the second node: a kernel as a process, whose console is the part's log. */
export function umlNode(engine: EngineChoice): Part {
  return {
    name: node2.name,
    why: 'is a second node, of a present-day kind',
    after: [],
    configure: () => writeNodeFiles(engine),
    configFiles: [
      join(node2Files.overlay, 'etc', 'kubernetes', 'kubelet.json'),
      join(node2Files.overlay, 'etc', 'kubernetes', 'kubelet.kubeconfig'),
      join(node2Files.overlay, 'etc', 'docker', 'daemon.json'),
      join(node2Files.shared, 'start-node'),
    ],
    clearStale: () => {
      rmSync(node2Files.control, { recursive: true, force: true });
      mkdirSync(node2Files.control, { recursive: true, mode: 0o700 });
    },
    listens: [],
    command: () => ({
      command: umlKernel(),
      args: [
        'umid=node2',
        `uml_dir=${node2Files.control}/`,
        `mem=${memory}`,
        // One processor, and system calls caught by seccomp: the fastest of the four combinations.
        'ncpus=1',
        'seccomp=on',
        `ubd0=${nodeDisk(engine)}`,
        'root=/dev/ubda',
        'rw',
        `hostfs=${node2Files.shared}`,
        `vec0:transport=raw,ifname=${node2.kernelLink},depth=128,gro=1`,
        'con=null',
        'con0=null,fd:2',
        'ssl=null',
        'panic=5',
        `DOCKERRUN_NODE_ADDRESS=${node2.address}/${node2.prefix}`,
        `DOCKERRUN_NODE_GATEWAY=${node2.hostAddress}`,
      ],
      // The memory is a file there, without a name.
      env: { TMPDIR: '/dev/shm', HOME: layout.run },
    }),
    checkHealth: (signal) => expectHttpOk(`${node2.kubeletApi}/healthz`, signal, { allowSelfSigned: true }),
    healthySeconds: 180,
    stopSeconds: 10,
  };
}
