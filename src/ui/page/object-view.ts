import { useEffect, useState } from 'preact/hooks';
import type { KindOfObject, ObjectAnswer } from '../ui-messages.ts';
import type { PageClient } from './page-client.ts';

/** At most one request in this many milliseconds, however often the object changes. */
const leastMs = 1_000;

/** An object and what went wrong with the last request for it. */
export type ObjectView = { readonly answer: ObjectAnswer | undefined; readonly problem: string | undefined };

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
  const [view, setView] = useState<ObjectView>({ answer: undefined, problem: undefined });
  useEffect(() => setView({ answer: undefined, problem: undefined }), [kind, key]);
  useEffect(() => {
    const stop = new AbortController();
    const read = async () => {
      try {
        const answer = await client.object(kind, key, stop.signal);
        setView({ answer, problem: undefined });
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (!stop.signal.aborted) setView(({ answer }) => ({ answer, problem }));
      }
    };
    const isFirst = view.answer === undefined;
    const timer = setTimeout(() => void read(), isFirst ? 0 : leastMs);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [client, kind, key, version]);
  return view;
}
