import { ActionBar } from './action-bar.tsx';
import { addressOf } from './address.ts';
import { Conditions, GirderLink, YamlView } from './object-parts.tsx';
import { useObject } from './object-view.ts';
import { LogView } from './log-view.tsx';
import type { PageClient } from './page-client.ts';
import { type PageStore, useNow, useStore } from './page-store.ts';
import { Phase } from './phase.tsx';
import { RunFlowDrawing } from './run-flow.tsx';
import { girderPage, type RunObject } from './run-object.ts';
import { RunTimeline } from './run-timeline.tsx';
import { bytesText } from './wording.ts';

/** Results listed on the page. */
const maxResults = 100;

/** Everything about one run. */
export function RunPage({ store, client, runKey }: { store: PageStore; client: PageClient; runKey: string }) {
  useStore(store);
  const now = useNow();
  const summary = store.runs.get(runKey);
  const { answer, problem } = useObject(client, 'runs', runKey, summary?.version);
  const [namespace = '', name = ''] = runKey.split('/');
  const run = answer?.object as RunObject | undefined;
  const { spec = {}, status = {}, metadata = {} } = run ?? {};
  const phase = status.phase ?? 'Pending';
  const subject = {
    kind: 'runs',
    key: runKey,
    uid: metadata.uid ?? '',
    phase,
    isSuspended: spec.suspend === true,
  } as const;
  const jobId = spec.girder?.job?.id;
  const jobPage = jobId === undefined ? undefined : girderPage(spec.girder?.apiUrl, `job/${jobId}`);
  return (
    <main class="object">
      <p class="path">
        <a href={addressOf('runs')}>Runs</a> / {namespace} /
        {summary !== undefined && summary.set !== '' && (
          <a href={addressOf('sets', `${namespace}/${summary.set}`)}> set {summary.set}</a>
        )}
      </p>
      <h1>
        {name} {run !== undefined && <Phase phase={phase} />}
      </h1>
      {problem !== undefined && <p class="problem">{problem}</p>}
      {store.isComplete && summary === undefined && run !== undefined && (
        <p class="problem">The run was deleted.</p>
      )}
      {run !== undefined && (
        <>
          <p class="message">{status.message}</p>
          <ActionBar client={client} subject={subject} />
          <RunFlowDrawing run={run} />
          <div class="columns">
            <RunTimeline run={run} now={now} />
            <section aria-label="Facts">
              <h2>Facts</h2>
              <dl>
                <dt>Node</dt>
                <dd>{status.nodeName ?? 'none yet'}</dd>
                <dt>Pod</dt>
                <dd>{status.podName ?? 'none yet'}</dd>
                <dt>Attempts</dt>
                <dd>{status.attempts ?? 0}</dd>
                <dt>Command</dt>
                <dd>
                  <code>
                    {[...(spec.command ?? []), ...(spec.args ?? [])].join(' ') || 'that of the image'}
                  </code>
                </dd>
                {jobPage !== undefined && (
                  <>
                    <dt>Girder</dt>
                    <dd>
                      <GirderLink href={jobPage}>its job</GirderLink>
                    </dd>
                  </>
                )}
              </dl>
              <Results run={run} />
            </section>
          </div>
          {status.podName !== undefined && (
            <LogView client={client} namespace={namespace} pod={status.podName} jobPage={jobPage} />
          )}
          <Conditions conditions={status.conditions ?? []} now={now} />
          <YamlView yaml={answer?.yaml ?? ''} />
        </>
      )}
    </main>
  );
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
