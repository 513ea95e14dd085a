import { setTimeout as sleep } from 'node:timers/promises';
import { kubectl } from '../operator/kubernetes-cli.ts';
import type { EngineChoice } from './engines.ts';
import { node2, node2Taint } from './node2-layout.ts';

const readySeconds = 120;
const pollMillis = 500;

/**
 * Makes the node's object before the node: with its taint from the first moment, since pods of others would land there,
 * and with a share of the pods' range that does not depend on how many nodes there have been.
 */
export async function ensureNodeObject({ docker }: EngineChoice, signal: AbortSignal): Promise<void> {
  const labels = { 'kubernetes.io/hostname': node2.name };
  const node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: node2.name, labels },
    spec: { podCIDR: node2.pods, podCIDRs: [node2.pods], taints: [node2Taint] },
  };
  if (
    (await kubectl(['get', 'node', node2.name, '--ignore-not-found', '-o', 'name'], signal)).trim() === ''
  ) {
    await kubectl(['create', '-f', '-'], signal, JSON.stringify(node));
  }
  const label = docker ? 'dockerrun.dev/docker=true' : 'dockerrun.dev/docker-';
  await kubectl(['label', 'node', node2.name, label, '--overwrite'], signal);
}

/** Settles when the node takes pods. */
export async function untilNodeReady(signal: AbortSignal): Promise<void> {
  const path = '{.status.conditions[?(@.type=="Ready")].status}';
  const deadline = Date.now() + readySeconds * 1000;
  while ((await kubectl(['get', 'node', node2.name, '-o', `jsonpath=${path}`], signal)) !== 'True') {
    if (Date.now() > deadline) throw new Error(`${node2.name} is not Ready after ${readySeconds} s`);
    await sleep(pollMillis, undefined, { signal });
  }
}

/** Removes the node's object and what is left of its pods, which nobody else removes when the kubelet is gone. */
export async function removeNodeObject(signal: AbortSignal): Promise<void> {
  await kubectl(['delete', 'node', node2.name, '--ignore-not-found'], signal);
}
