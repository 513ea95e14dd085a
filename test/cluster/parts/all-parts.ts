import type { Part } from '../supervise/part.ts';
import { containerd } from './containerd.ts';
import { dockerEngine } from './docker-engine.ts';
import { epmd } from './epmd.ts';
import { etcd } from './etcd.ts';
import { girder } from './girder.ts';
import { kubeApiserver } from './kube-apiserver.ts';
import { kubeControllerManager } from './kube-controller-manager.ts';
import { kubeProxy } from './kube-proxy.ts';
import { kubeScheduler } from './kube-scheduler.ts';
import { kubelet } from './kubelet.ts';
import { mongo } from './mongo.ts';
import { rabbitmq } from './rabbitmq.ts';

/** Every process of the cluster, in an order in which each finds what it needs; `down` goes the other way. */
export const allParts: readonly Part[] = [
  containerd,
  dockerEngine,
  mongo,
  epmd,
  rabbitmq,
  girder,
  etcd,
  kubeApiserver,
  kubeControllerManager,
  kubeScheduler,
  kubelet,
  kubeProxy,
];
