import { uptime } from 'node:os';
import { isRecord, numberOf, textOf } from '../api/json-values.ts';
import { type CallLimits, engineCall, engineStream, jsonLines } from './engine-call.ts';
import { statusOf } from './engine-error.ts';
import type { Engine } from './engine.ts';
import { labels } from '../api/names.ts';

/** The state that an inspect returns; `gone` when the engine does not know the container. */
export type ContainerState =
  | { readonly phase: 'created' | 'running' | 'gone' }
  | {
      readonly phase: 'exited';
      readonly exitCode: number;
      readonly oomKilled: boolean;
      /** Milliseconds since 1970. */
      readonly at: number;
    };

/** An id that the engine gave, if it can be one: it becomes part of the paths of requests. */
export function idOf(value: unknown): string | undefined {
  return typeof value === 'string' && /^\w[\w.-]{0,127}$/.test(value) ? value : undefined;
}

/** Inspects a container by id or name. */
export async function inspectState(engine: Engine, id: string, limits: CallLimits): Promise<ContainerState> {
  const container = engine.docker.getContainer(id);
  try {
    return parseState(await engineCall<unknown>(limits, (abortSignal) => container.inspect({ abortSignal })));
  } catch (error) {
    if (statusOf(error) === 404) return { phase: 'gone' };
    throw error;
  }
}

/** Parses an inspect's answer; an exit code or an end time that cannot be becomes 255 or the current time. */
export function parseState(answer: unknown): ContainerState {
  const state = isRecord(answer) && isRecord(answer['State']) ? answer['State'] : {};
  if (!isEnded(state)) return { phase: state['Status'] === 'created' ? 'created' : 'running' };
  if (textOf(state['StartedAt'])?.startsWith(neverStarted) === true) return { phase: 'created' };
  return {
    phase: 'exited',
    exitCode: exitCodeOf(numberOf(state['ExitCode'])),
    oomKilled: state['OOMKilled'] === true,
    at: timeOf(Date.parse(textOf(state['FinishedAt']) ?? '')) ?? Date.now(),
  };
}

/** 255 for what Linux has no exit code for: an unknown end must not count as a success. */
function exitCodeOf(code: number | undefined): number {
  return code !== undefined && Number.isInteger(code) && code >= 0 && code <= 255 ? code : 255;
}

/** The end of the last year that a time of Kubernetes can have, in milliseconds since 1970. */
const latest = Date.UTC(9999, 11, 31);

function timeOf(milliseconds: number): number | undefined {
  return milliseconds > 0 && milliseconds <= latest ? milliseconds : undefined;
}

/** The start time that the engine reports for a container that never started, even while it removes it. */
const neverStarted = '0001-01-01';

function isEnded(state: Record<string, unknown>): boolean {
  return ['exited', 'dead', 'removing'].includes(textOf(state['Status']) ?? '');
}

/** An event of a container, by the engine's clock. */
export type ContainerEvent = {
  readonly action: 'start' | 'oom' | 'kill' | 'die' | 'destroy';
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Only of `die`. */
  readonly exitCode: number;
};

/** Whole seconds since 1970, as the engine's `since` parameter takes them. */
type EventTime = number;

const actions = ['start', 'oom', 'kill', 'die', 'destroy'] as const;

/** An open subscription; `close` ends the iteration. */
export type EventStream = { readonly events: AsyncIterable<ContainerEvent>; readonly close: () => void };

/**
 * Subscribes to the events of one container. The engine sends its headers before it subscribes us, so `since`
 * must lie before any event that must not be missed: the engine replays from there and follows without a gap.
 */
export async function openEvents(
  engine: Engine,
  id: string,
  since: EventTime,
  limits: CallLimits,
): Promise<EventStream> {
  const filters = { container: [id], type: ['container'], event: [...actions] };
  const stream = await engineStream(limits, (abortSignal) =>
    engine.docker.getEvents({ since, filters: JSON.stringify(filters), abortSignal }),
  );
  return { events: eventsOf(stream as AsyncIterable<Buffer>, id), close: () => stream.destroy() };
}

async function* eventsOf(chunks: AsyncIterable<Buffer>, id: string): AsyncGenerator<ContainerEvent> {
  for await (const line of jsonLines(chunks)) {
    const event = parseEvent(line, id);
    if (event !== undefined) yield event;
  }
}

/** Parses one line of the event stream; undefined for lines that are not about this container's life. */
export function parseEvent(line: unknown, id: string): ContainerEvent | undefined {
  if (!isRecord(line) || !isRecord(line['Actor']) || line['Actor']['ID'] !== id) return undefined;
  const action = actions.find((known) => known === line['Action']);
  const nanoseconds = numberOf(line['timeNano']);
  if (action === undefined || nanoseconds === undefined) return undefined;
  const attributes = line['Actor']['Attributes'];
  const exitCode = isRecord(attributes) ? Number.parseInt(textOf(attributes['exitCode']) ?? '', 10) : NaN;
  return { action, at: timeOf(nanoseconds / 1e6) ?? Date.now(), exitCode: exitCodeOf(exitCode) };
}

/** The label for a container that is created now. */
export function uptimeLabel(): Record<string, string> {
  return { [labels.uptime]: String(Math.floor(uptime())) };
}

/** What the engine lists of a container; `created` is in seconds since 1970, by the wall clock of that moment. */
type Listed = { readonly created: number; readonly labels: Readonly<Record<string, unknown>> };

/**
 * When a container was created, in milliseconds of the wall clock of now. The engine's own time is wrong after a jump
 * of the clock: a container that its worker is about to start would look abandoned. A container of an earlier boot
 * counts as created in 1970.
 */
export function createdAtMs(
  container: Listed,
  { now, uptimeSeconds }: { now: number; uptimeSeconds: number } = {
    now: Date.now(),
    uptimeSeconds: uptime(),
  },
): number {
  const label = container.labels[labels.uptime];
  const at = typeof label === 'string' && /^\d+$/.test(label) ? Number(label) : undefined;
  // Containers of earlier versions, and those that a user made, have no such label.
  if (at === undefined) return container.created * 1000;
  return at > uptimeSeconds ? 0 : now - (uptimeSeconds - at) * 1000;
}
