import { girderPage } from '../../api/girder-page.ts';
import type { RunSummary, SetCounts, SetPoint } from '../ui-messages.ts';
import { addressOf } from './address.ts';
import { Conditions, GirderLink, ObjectFrame, YamlView } from './object-parts.tsx';
import { useObject } from './object-view.ts';
import type { PageClient } from './page-client.ts';
import { type PageStore, useNow, useStore } from './page-store.ts';
import { Phase } from './phase.tsx';
import type { FailureGroup, SetObject } from './run-object.ts';
import { SetBar, SetCurve } from './set-bar.tsx';
import { durationText, isOver, timeText } from './wording.ts';

/** Runs listed as what is being done now. */
const maxLive = 50;

/** Everything about one set. */
export function SetPage({ store, client, setKey }: { store: PageStore; client: PageClient; setKey: string }) {
  useStore(store);
  const now = useNow();
  const summary = store.sets.get(setKey);
  const { answer, problem } = useObject(client, 'sets', setKey, summary?.version);
  const set = answer?.object as SetObject | undefined;
  const isGone = store.isComplete && summary === undefined && set !== undefined;
  return (
    <ObjectFrame {...{ client, kind: 'sets', of: setKey, object: set, isGone, problem }}>
      {summary !== undefined && (
        <Inputs counts={summary.counts} set={set ?? {}} points={answer?.points ?? []} now={now} />
      )}
      <SetParts set={set ?? {}} runs={liveRuns(store, setKey)} now={now} />
      <YamlView yaml={answer?.yaml ?? ''} />
    </ObjectFrame>
  );
}

function SetParts({ set, runs, now }: { set: SetObject; runs: readonly RunSummary[]; now: number }) {
  const { spec = {}, status = {} } = set;
  return (
    <>
      <Failures groups={status.failures ?? []} apiUrl={spec.girder?.apiUrl} />
      <LiveRuns runs={runs} />
      <Pass set={set} apiUrl={spec.girder?.apiUrl} />
      <Conditions conditions={status.conditions ?? []} now={now} />
    </>
  );
}

function liveRuns(store: PageStore, setKey: string): RunSummary[] {
  return [...store.runs.values()].filter(
    (run) => `${run.namespace}/${run.set}` === setKey && !isOver(run.phase),
  );
}

type InputsProps = { counts: SetCounts; set: SetObject; points: readonly SetPoint[]; now: number };

function Inputs({ counts, set, points, now }: InputsProps) {
  const { itemsPerHour = 0, eta } = set.status?.rate ?? {};
  const isBusy = counts.waiting + counts.running > 0;
  return (
    <section aria-label="Inputs">
      <h2>Inputs</h2>
      <SetBar counts={counts} />
      <ul class="counts">
        {(['seen', 'done', 'running', 'waiting', 'failed'] as const).map((part) => (
          <li key={part}>
            <strong>{counts[part]}</strong> {part}
          </li>
        ))}
        <li>
          <strong>{Math.round(itemsPerHour)}</strong> an hour
        </li>
        {eta !== undefined && isBusy && (
          <li>
            ends in about <strong>{durationText(Date.parse(eta) - now)}</strong>
          </li>
        )}
      </ul>
      <SetCurve points={points} />
    </section>
  );
}

function Failures({ groups, apiUrl }: { groups: readonly FailureGroup[]; apiUrl: string | undefined }) {
  if (groups.length === 0) return null;
  return (
    <section aria-label="Failures">
      <h2>Failures</h2>
      <ul class="failures">
        {groups.map(({ reason, count, message, examples = [] }) => (
          <li key={reason}>
            <strong>
              {count} × {reason}
            </strong>{' '}
            {message}
            <ul>
              {examples.map(({ itemId, name }) => (
                <li key={itemId}>
                  <GirderLink href={girderPage(apiUrl, `item/${itemId}`)}>{name ?? itemId}</GirderLink>
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </section>
  );
}

function LiveRuns({ runs }: { runs: readonly RunSummary[] }) {
  return (
    <section aria-label="Now">
      <h2>Now</h2>
      {runs.length === 0 && <p class="note">No run of this set is active.</p>}
      <ul class="live">
        {runs.slice(0, maxLive).map((run) => (
          <li key={run.key}>
            <Phase phase={run.phase} /> <a href={addressOf('runs', run.key)}>{run.name}</a> {run.progress}{' '}
            {run.node}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Pass({ set, apiUrl }: { set: SetObject; apiUrl: string | undefined }) {
  const { pass, why = {}, report } = set.status ?? {};
  if (pass?.number === undefined) return null;
  const reportPage = report?.itemId === undefined ? undefined : girderPage(apiUrl, `item/${report.itemId}`);
  return (
    <section aria-label="Pass">
      <h2>Pass {pass.number}</h2>
      <p>
        {pass.startTime !== undefined && `It began ${timeText(pass.startTime)}`}
        {pass.finishTime !== undefined && ` and ended ${timeText(pass.finishTime)}`}.{' '}
        {reportPage !== undefined && <GirderLink href={reportPage}>Its report is in Girder.</GirderLink>}
      </p>
      <ul class="counts">
        {Object.entries(why).map(([reason, count]) => (
          <li key={reason}>
            <strong>{count}</strong> {reason}
          </li>
        ))}
      </ul>
    </section>
  );
}
