import type { JsonNode } from '../pickle/json-nodes.ts';
import { isPyDict, isTruthy, itemsOf, type PyDict, type PyValue } from '../pickle/python-value.ts';
import { unpickle } from '../pickle/unpickling.ts';
import { quote, Refusal } from './refusal.ts';

/** The parameters of `docker_run` and of slicer_cli_web's `run` before `**kwargs`, in their order. */
export const positions = [
  'image',
  'pull_image',
  'entrypoint',
  'container_args',
  'volumes',
  'remove_container',
] as const;

/** The call in the body of a message: all arguments by their keyword. */
export type TaskCall = ReadonlyMap<string, PyValue>;

/**
 * `[args, kwargs, embed]`, by jsonpickle or in plain JSON.
 * @throws Refusal for a call that no task has, or that continues with another task
 */
export function callOf(body: JsonNode): TaskCall {
  const [args, kwargs, embed] = itemsOf(unpickle(body)) ?? [];
  const given = itemsOf(args);
  if (given === undefined || !isPyDict(kwargs))
    throw new Refusal('its body is not the call of a task: [args, kwargs, …]');
  refuseFollowers(embed);
  const call = new Map<string, PyValue>();
  for (const [index, value] of given.entries()) {
    const keyword = positions[index];
    if (keyword === undefined)
      throw new Refusal(`it has ${given.length} positional arguments, but the task has ${positions.length}`);
    call.set(keyword, value);
  }
  for (const [keyword, value] of kwargs.entries) {
    if (typeof keyword !== 'string') throw new Refusal('it has a keyword that is not a text');
    if (call.has(keyword)) throw new Refusal(`it has the argument ${quote(keyword)} twice`);
    call.set(keyword, value);
  }
  return call;
}

const followers = {
  chain: 'a chain',
  chord: 'a chord',
  callbacks: 'a task that follows its success (link)',
  errbacks: 'a task that follows its failure (link_error)',
};

/** Girder Worker publishes the next task itself, with a job that it makes. */
function refuseFollowers(embed: PyValue | undefined): void {
  if (!isPyDict(embed)) return;
  for (const [field, name] of Object.entries(followers)) {
    if (isTruthy(followOf(embed, field)))
      throw new Refusal(
        `it is part of ${name}, which the bridge does not continue; start the next task from an event of Girder, when the job of this one has ended`,
      );
  }
}

function followOf(embed: PyDict, field: string): PyValue | undefined {
  return embed.entries.get(field);
}
