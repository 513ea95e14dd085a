import { isRecord, numberOf, textOf } from '../support/narrow.ts';
import { statusOf } from './classify.ts';
import type { Engine } from './engine.ts';
import { type CallLimits, engineCall } from './engine-call.ts';

/** What an inspect says; `gone` when the engine knows no such container. */
export type ContainerState =
  | { readonly phase: 'created' | 'running' | 'gone' }
  | {
      readonly phase: 'exited';
      readonly exitCode: number;
      readonly oomKilled: boolean;
      /** Milliseconds since 1970. */
      readonly at: number;
    };

/** Asks for the state of a container by id or name. */
export async function inspectState(engine: Engine, id: string, limits: CallLimits): Promise<ContainerState> {
  const container = engine.docker.getContainer(id);
  try {
    return parseState(await engineCall<unknown>(limits, (abortSignal) => container.inspect({ abortSignal })));
  } catch (error) {
    if (statusOf(error) === 404) return { phase: 'gone' };
    throw error;
  }
}

/** Narrows the answer of an inspect. */
export function parseState(answer: unknown): ContainerState {
  const state = isRecord(answer) && isRecord(answer['State']) ? answer['State'] : {};
  if (!isEnded(state)) return { phase: state['Status'] === 'created' ? 'created' : 'running' };
  if (textOf(state['StartedAt'])?.startsWith(never) === true) return { phase: 'created' };
  return {
    phase: 'exited',
    exitCode: numberOf(state['ExitCode']) ?? 255,
    oomKilled: state['OOMKilled'] === true,
    at: Date.parse(textOf(state['FinishedAt']) ?? '') || Date.now(),
  };
}

/** How the engine writes the start of a container that had none; one can be under removal nevertheless. */
const never = '0001-01-01';

function isEnded(state: Record<string, unknown>): boolean {
  return ['exited', 'dead', 'removing'].includes(textOf(state['Status']) ?? '');
}
