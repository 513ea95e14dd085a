import { useEffect, useRef, useState } from 'preact/hooks';
import type { KindOfObject, ObjectAnswer } from '../ui-messages.ts';
import type { PageClient } from './page-client.ts';

/** At most one request in this many milliseconds, however often the object changes. */
const leastMs = 1_000;

/** An object and what went wrong with the last request for it. */
export type ObjectView = { readonly answer: ObjectAnswer | undefined; readonly problem: string | undefined };

const nothing: ObjectView = { answer: undefined, problem: undefined };

/**
 * The whole object of a page, read again whenever the list has a new version of it.
 *
 * @param version of the summary; undefined if the object is not, or no longer, in the list
 */
export function useObject(
  client: PageClient,
  kind: KindOfObject,
  key: string,
  version: string | undefined,
): ObjectView {
  const [view, setView] = useState(nothing);
  /** Aborts when another object is shown. Another version does not end a request: one that changes often would never be read. */
  const stop = useRef(new AbortController());
  const readAt = useRef(-leastMs);
  useEffect(() => {
    stop.current = new AbortController();
    readAt.current = -leastMs;
    setView(nothing);
    const { current } = stop;
    return () => current.abort();
  }, [client, kind, key]);
  useEffect(() => {
    const { signal } = stop.current;
    const read = async () => {
      readAt.current = performance.now();
      try {
        const answer = await client.object(kind, key, signal);
        if (!signal.aborted) setView({ answer, problem: undefined });
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (!signal.aborted) setView(({ answer }) => ({ answer, problem }));
      }
    };
    const timer = setTimeout(() => void read(), readAt.current + leastMs - performance.now());
    return () => clearTimeout(timer);
  }, [client, kind, key, version]);
  return view;
}
