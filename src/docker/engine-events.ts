import { isRecord, numberOf, textOf } from '../support/narrow.ts';
import type { Engine } from './engine.ts';
import { type CallLimits, engineStream } from './engine-call.ts';
import { jsonLines } from './json-lines.ts';

/** One thing that happened to a container, by the engine's clock. */
export type ContainerEvent = {
  readonly action: 'start' | 'oom' | 'kill' | 'die' | 'destroy';
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Only of `die`. */
  readonly exitCode: number;
};

/** Whole seconds since 1970, as the engine's `since` takes them. */
export type EventTime = number;

const actions = ['start', 'oom', 'kill', 'die', 'destroy'] as const;

/** An open subscription; `close` ends the iteration. */
export type EventStream = { readonly events: AsyncIterable<ContainerEvent>; readonly close: () => void };

/**
 * Subscribes to what happens to one container. The engine sends its headers before it subscribes us, therefore
 * `since` must lie before whatever must not be missed: the engine replays and then follows without a gap.
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

/** Narrows one line of the event stream; undefined for anything that is not about this container's life. */
export function parseEvent(line: unknown, id: string): ContainerEvent | undefined {
  if (!isRecord(line) || !isRecord(line['Actor']) || line['Actor']['ID'] !== id) return undefined;
  const action = actions.find((known) => known === line['Action']);
  const nanoseconds = numberOf(line['timeNano']);
  if (action === undefined || nanoseconds === undefined) return undefined;
  const attributes = line['Actor']['Attributes'];
  const exitCode = isRecord(attributes) ? Number.parseInt(textOf(attributes['exitCode']) ?? '', 10) : NaN;
  return { action, at: nanoseconds / 1e6, exitCode: Number.isNaN(exitCode) ? 255 : exitCode };
}
