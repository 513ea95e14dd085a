import type { ComponentChildren } from 'preact';
import { girderPage } from '../../api/girder-page.ts';
import { labels } from '../../api/names.ts';
import { bytesText } from '../../support/byte-text.ts';
import { addressOf } from './address.ts';
import { Conditions, GirderLink, ObjectFrame, YamlView } from './object-parts.tsx';
import { useObject } from './object-view.ts';
import { LogView } from './log-view.tsx';
import type { PageClient } from './page-client.ts';
import { type PageStore, useNow, useStore } from './page-store.ts';
import { RunFlowDrawing } from './run-flow.tsx';
import type { RunObject } from './run-object.ts';
import { RunTimeline } from './run-timeline.tsx';

/** Results listed on the page. */
const maxResults = 100;

/** Everything about one run. */
export function RunPage({ store, client, runKey }: { store: PageStore; client: PageClient; runKey: string }) {
  useStore(store);
  const now = useNow();
  const summary = store.runs.get(runKey);
  const { answer, problem } = useObject(client, 'runs', runKey, summary?.version);
  const run = answer?.object as RunObject | undefined;
  const isGone = store.isComplete && summary === undefined && run !== undefined;
  return (
    <ObjectFrame {...{ client, kind: 'runs', of: runKey, object: run, isGone, problem }}>
      {run !== undefined && <RunParts client={client} run={run} runKey={runKey} now={now} />}
      <YamlView yaml={answer?.yaml ?? ''} />
    </ObjectFrame>
  );
}

function RunParts({
  client,
  run,
  runKey,
  now,
}: {
  client: PageClient;
  run: RunObject;
  runKey: string;
  now: number;
}) {
  const { spec = {}, status = {} } = run;
  const [namespace = ''] = runKey.split('/');
  const job = spec.girder?.job?.id;
  const jobPage = job === undefined ? undefined : girderPage(spec.girder?.apiUrl, `job/${job}`);
  return (
    <>
      <RunFlowDrawing run={run} />
      <div class="columns">
        <RunTimeline run={run} now={now} />
        <section aria-label="Facts">
          <h2>Facts</h2>
          <dl>
            {factsOf(run, namespace).map(([fact, value]) => (
              <div key={fact}>
                <dt>{fact}</dt>
                <dd>{value}</dd>
              </div>
            ))}
            {jobPage !== undefined && (
              <div>
                <dt>Girder</dt>
                <dd>
                  <GirderLink href={jobPage}>its job</GirderLink>
                </dd>
              </div>
            )}
          </dl>
          <Results run={run} />
        </section>
      </div>
      {status.podName !== undefined && (
        <LogView client={client} namespace={namespace} pod={status.podName} jobPage={jobPage} />
      )}
      <Conditions conditions={status.conditions ?? []} now={now} />
    </>
  );
}

function factsOf(
  { metadata, spec = {}, status = {} }: RunObject,
  namespace: string,
): [string, ComponentChildren][] {
  const set = metadata?.labels?.[labels.set];
  const command = [...(spec.command ?? []), ...(spec.args ?? [])].join(' ');
  const facts: [string, ComponentChildren][] = [
    ['Node', status.nodeName ?? 'none yet'],
    ['Pod', status.podName ?? 'none yet'],
    ['Attempts', status.attempts ?? 0],
    ['Command', command === '' ? 'that of the image' : <code>{command}</code>],
  ];
  if (set !== undefined) facts.push(['Set', <a href={addressOf('sets', `${namespace}/${set}`)}>{set}</a>]);
  return facts;
}

function Results({ run }: { run: RunObject }) {
  const { results = [], resultCount = results.length } = run.status ?? {};
  if (results.length === 0) return null;
  return (
    <>
      <h3>Results in Girder</h3>
      <ul class="results">
        {results.slice(0, maxResults).map(({ name, size, url }) => (
          <li key={`${name} ${url}`}>
            <GirderLink href={url}>{name}</GirderLink>
            {size !== undefined && ` ${bytesText(size)}`}
          </li>
        ))}
        {resultCount > Math.min(results.length, maxResults) && (
          <li>and {resultCount - Math.min(results.length, maxResults)} more</li>
        )}
      </ul>
    </>
  );
}
