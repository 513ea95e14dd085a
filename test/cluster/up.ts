import { mkdirSync } from 'node:fs';
import { envFileStep } from './setup/env-file.ts';
import { girderPluginStep } from './install/girder-plugin.ts';
import { girderVenvStep } from './install/girder-venv.ts';
import {
  etcdBinariesStep,
  gitopsBinariesStep,
  helmBinariesStep,
  kubeRouterBinariesStep,
  kubernetesBinariesStep,
} from './install/go-binaries.ts';
import { mongoClassesStep } from './install/mongo-classes.ts';
import { packagesStep } from './install/packages.ts';
import { rabbitmqFilesStep } from './install/rabbitmq-files.ts';
import { layout } from './layout.ts';
import { withClusterLock } from './lock.ts';
import { allParts } from './parts/all-parts.ts';
import { checkCanBringUp } from './preflight.ts';
import { runProgram } from './program.ts';
import { printLine } from './progress.ts';
import { baselineStep } from './setup/baseline.ts';
import { girderAdminStep } from './setup/girder-admin.ts';
import { imagesStep } from './setup/images.ts';
import { networkStep } from './setup/network.ts';
import { nodeReadyStep } from './setup/node-ready.ts';
import { runSteps, type Step } from './steps.ts';
import type { Part } from './supervise/part.ts';
import { ensureRunning } from './supervise/supervisor.ts';

function partStep(part: Part): Step {
  return {
    name: part.name,
    after: part.after,
    run: async (signal) => {
      const started = Date.now();
      const outcome = await ensureRunning(part, signal);
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      if (outcome === 'started') printLine(`${part.name}: healthy after ${seconds} s`);
    },
  };
}

/** Steps in an order in which each comes after those it names. */
function allSteps(): Step[] {
  const installs = [packagesStep, baselineStep, networkStep, mongoClassesStep, girderVenvStep];
  installs.push(rabbitmqFilesStep, girderPluginStep);
  const builds = [kubernetesBinariesStep, etcdBinariesStep, helmBinariesStep, gitopsBinariesStep];
  builds.push(kubeRouterBinariesStep);
  const parts = allParts.map(partStep);
  const dockerIndex = allParts.findIndex((part) => part.name === 'docker-engine') + 1;
  parts.splice(dockerIndex, 0, imagesStep);
  return [...installs, ...builds, ...parts, girderAdminStep, nodeReadyStep, envFileStep];
}

await runProgram(async (signal) => {
  checkCanBringUp();
  await withClusterLock(() => {
    // Before any step makes it on the way to a directory of its own, with that one's mode.
    mkdirSync(layout.state, { recursive: true, mode: 0o711 });
    return runSteps(allSteps(), signal);
  });
  printLine(`ready: . ${layout.env}`);
});
