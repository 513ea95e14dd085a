import { useEffect, useRef, useState } from 'preact/hooks';
import { GirderLink } from './object-parts.tsx';
import type { PageClient } from './page-client.ts';

/** Characters of a log that the page keeps: older ones are dropped. */
const maxKept = 500_000;

type Props = { client: PageClient; namespace: string; pod: string; jobPage: string | undefined };

/** The output of the target, as it is written. It follows the end, unless the user has scrolled up. */
export function LogView({ client, namespace, pod, jobPage }: Props) {
  const [text, setText] = useState('');
  const [end, setEnd] = useState('');
  const box = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);

  useEffect(() => {
    setText('');
    setEnd('');
    const stop = new AbortController();
    const add = (more: string) => setText((before) => (before + more).slice(-maxKept));
    client.log(namespace, pod, add, stop.signal).then(
      () => setEnd('This is the end of the log.'),
      (error: unknown) => {
        if (!stop.signal.aborted) setEnd(error instanceof Error ? error.message : String(error));
      },
    );
    return () => stop.abort();
  }, [client, namespace, pod]);

  useEffect(() => {
    if (isAtEnd.current && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [text]);

  const onScroll = () => {
    const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = box.current ?? {};
    isAtEnd.current = scrollTop + clientHeight >= scrollHeight - 20;
  };
  return (
    <section aria-label="Log">
      <h2>Log</h2>
      <pre class="log" ref={box} onScroll={onScroll} tabIndex={0}>
        {text}
      </pre>
      <p class="note">
        {end}
        {end !== '' && jobPage !== undefined && (
          <GirderLink href={jobPage}>Its job in Girder keeps the log.</GirderLink>
        )}
      </p>
    </section>
  );
}
