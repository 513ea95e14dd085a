import { mkdirSync } from 'node:fs';
import { nextEngineStep } from '../install/go-binaries.ts';
import { withClusterLock } from '../lock.ts';
import { kubeApiserver } from '../parts/kube-apiserver.ts';
import { printLine } from '../progress.ts';
import { runSteps, type Step } from '../steps.ts';
import { logPath } from '../supervise/log-file.ts';
import { ensureRunning, probe } from '../supervise/supervisor.ts';
import type { EngineChoice } from './engines.ts';
import { kernelFaultIn } from './kernel-console.ts';
import { loadImages, saveImages } from './node-images.ts';
import { ensureNodeObject, untilNodeReady } from './node-object.ts';
import { ensureDisk, nodeRootStep } from './node-root.ts';
import { ensureKey } from './node-shell.ts';
import { node2, node2Files } from './node2-layout.ts';
import { node2NetworkStep } from './node2-network.ts';
import { node2PackagesStep } from './node2-packages.ts';
import { umlKernelStep } from './uml-kernel.ts';
import { umlNode } from './uml-node.ts';

/** The console of a node that is replaced becomes the log before, so both are looked at. */
function sayKernelFault(): void {
  const fault = kernelFaultIn(logPath(node2.name));
  if (fault === undefined) return;
  printLine(
    `the kernel of ${node2.name} reported a fault of its own, which is no fault of DockerRun: ${fault}`,
  );
}

function nodeStep(engine: EngineChoice): Step {
  return {
    name: node2.name,
    after: ['node kernel', 'node root', 'node network', ...(engine.next ? [nextEngineStep.name] : [])],
    run: async (signal) => {
      sayKernelFault();
      mkdirSync(node2Files.shared, { recursive: true, mode: 0o700 });
      await ensureKey(signal);
      await ensureDisk(engine, signal);
      await saveImages(signal);
      await ensureNodeObject(engine, signal);
      const started = Date.now();
      try {
        const outcome = await ensureRunning(umlNode(engine), signal);
        await untilNodeReady(signal);
        const seconds = ((Date.now() - started) / 1000).toFixed(1);
        if (outcome === 'started') printLine(`${node2.name}: Ready after ${seconds} s`);
      } catch (error) {
        sayKernelFault();
        throw error;
      }
      await loadImages(engine, signal);
    },
  };
}

/**
 * Makes the second node run with an engine, and waits until it is Ready and has its images: leaves one alone that does,
 * and starts one with another engine again, with the disk of that engine.
 */
export async function bringNode2Up(engine: EngineChoice, signal: AbortSignal): Promise<void> {
  await withClusterLock(async () => {
    await probe(kubeApiserver, signal).catch((error: unknown) => {
      throw new Error('the second node joins a cluster that runs: run make cluster-up', { cause: error });
    });
    const steps = [
      node2PackagesStep,
      umlKernelStep,
      nodeRootStep(engine),
      node2NetworkStep,
      ...(engine.next ? [nextEngineStep] : []),
      nodeStep(engine),
    ];
    await runSteps(steps, signal);
  });
}
