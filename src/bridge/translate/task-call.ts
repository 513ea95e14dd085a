import type { JsonNode } from '../pickle/json-nodes.ts';
import { isPyDict, isTruthy, itemsOf, type PyDict, type PyValue } from '../../calls/python-value.ts';
import { unpickle } from '../pickle/unpickling.ts';
import { type ContainerCall, containerCall } from '../../calls/container-call.ts';
import { Refusal } from '../../calls/refusal.ts';

/**
 * `[args, kwargs, embed]`, by jsonpickle or in plain JSON.
 * @throws Refusal for a call that no task has, or that continues with another task
 */
export function callOf(body: JsonNode): ContainerCall {
  const [args, kwargs, embed] = itemsOf(unpickle(body)) ?? [];
  const given = itemsOf(args);
  if (given === undefined || !isPyDict(kwargs))
    throw new Refusal('its body is not the call of a task: [args, kwargs, …]');
  refuseFollowers(embed);
  return containerCall(given, kwargs.entries);
}

const followers = {
  chain: 'the next task of its chain',
  chord: 'the last task of its chord',
  callbacks: 'the task that follows its success (link)',
  errbacks: 'the task that follows its failure (link_error)',
};

/** Girder Worker publishes the next task itself, with a job that it makes. */
function refuseFollowers(embed: PyValue | undefined): void {
  if (!isPyDict(embed)) return;
  for (const [field, name] of Object.entries(followers)) {
    if (isTruthy(followOf(embed, field)))
      throw new Refusal(
        `${name} would never start, because DockerRun publishes no tasks; publish it in a plugin, on Girder's event jobs.job.update.after, when the job of this one has ended`,
      );
  }
}

function followOf(embed: PyDict, field: string): PyValue | undefined {
  return embed.entries.get(field);
}
