import type { PyKey, PyValue } from './python-value.ts';
import { quote, Refusal } from './refusal.ts';

/** A task that is one run of a container, and what it has of its own. */
export type ContainerTask = {
  /** Whether `pull_image='if-not-present'` means that; elsewhere any text is true. */
  readonly knowsIfNotPresent: boolean;
  /** Whether the tags of Slicer in the target's stdout are its progress. */
  readonly readsSlicerTags: boolean;
};

/** The tasks that are one run of a container, by their names in Celery. */
export const containerTasks: Readonly<Record<string, ContainerTask>> = {
  'girder_worker.docker.tasks.docker_run': { knowsIfNotPresent: false, readsSlicerTags: false },
  'slicer_cli_web.girder_worker_plugin.direct_docker_run.run': {
    knowsIfNotPresent: true,
    readsSlicerTags: true,
  },
};

/** The parameters of `docker_run` and of slicer_cli_web's `run` before `**kwargs`, in their order. */
export const positions = [
  'image',
  'pull_image',
  'entrypoint',
  'container_args',
  'volumes',
  'remove_container',
] as const;

/** The call of such a task: all arguments by their keyword. */
export type ContainerCall = ReadonlyMap<string, PyValue>;

/** The call with these arguments. @throws Refusal for one that no task has */
export function containerCall(
  args: readonly PyValue[],
  keywords: Iterable<readonly [string | PyKey, PyValue]>,
): ContainerCall {
  const call = new Map<string, PyValue>();
  for (const [index, value] of args.entries()) {
    const keyword = positions[index];
    if (keyword === undefined)
      throw new Refusal(`it has ${args.length} positional arguments, but the task has ${positions.length}`);
    call.set(keyword, value);
  }
  for (const [keyword, value] of keywords) {
    if (typeof keyword !== 'string') throw new Refusal('it has a keyword that is not a text');
    if (call.has(keyword)) throw new Refusal(`it has the argument ${quote(keyword)} twice`);
    call.set(keyword, value);
  }
  return call;
}
