import { node2, node2Taint } from '../../cluster/node2/node2-layout.ts';
import { onNode2 } from '../../cluster/node2/node-shell.ts';
import { succeed } from './shell.ts';

/** The node that is tested; `make test-nodes` names the second one. Without a name, runs go where the scheduler puts them. */
const testNode = process.env['DOCKERRUN_TEST_NODE'];

/** The fields of a run that let it land on the second node, and on no other. */
export const onSecondNode = {
  nodeSelector: { 'kubernetes.io/hostname': node2.name },
  tolerations: [{ key: node2Taint.key, operator: 'Exists', effect: node2Taint.effect }],
};

/** The fields of a run that let it land on the node that is tested. */
export const placement: Record<string, unknown> = testNode === node2.name ? onSecondNode : {};

/** Runs a command of the shell on the node that is tested, as root; gives its output. */
export function onTestNode(command: string): Promise<string> {
  if (testNode !== node2.name) return succeed('sh', ['-c', command]);
  return onNode2(command, AbortSignal.timeout(30_000));
}

/** A file of the node that is tested, as root reads it there. */
export function fileOfNode(path: string): Promise<string> {
  return onTestNode(`cat '${path}'`);
}
