import type { Attempt, RunObject } from './run-object.ts';
import { durationText, timeText } from './wording.ts';

type Span = { readonly label: string; readonly from: number; readonly to: number; readonly kind: string };

/** The spans of a run in order, in milliseconds since 1970. The last one ends now while the run lasts. */
export function spansOf({ metadata = {}, status = {} }: RunObject, now: number): Span[] {
  const time = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text));
  const end = time(status.completionTime) ?? now;
  const last = status.attemptHistory?.at(-1);
  const started = time(last?.startTime) ?? time(status.startTime);
  const marks: [string, string, number | undefined][] = [
    ['waiting', 'waiting', time(metadata.creationTimestamp)],
    ['preparing', 'busy', started],
    ['target', 'target', time(status.target?.startedAt)],
    [status.phase === 'Running' ? 'target' : 'uploading', 'busy', time(status.target?.finishedAt)],
  ];
  const known = marks.flatMap(([label, kind, from]) => (from === undefined ? [] : [{ label, kind, from }]));
  return known.map((mark, index) => ({ ...mark, to: Math.max(mark.from, known[index + 1]?.from ?? end) }));
}

/** When a run waited, prepared, ran and uploaded, and its attempts. */
export function RunTimeline({ run, now }: { run: RunObject; now: number }) {
  const spans = spansOf(run, now);
  const whole = Math.max(1, (spans.at(-1)?.to ?? now) - (spans[0]?.from ?? now));
  return (
    <section aria-label="Timeline">
      <h2>Timeline</h2>
      <ol class="timeline">
        {spans.map(({ label, kind, from, to }) => (
          <li key={label} class={kind}>
            <span class="label">{label}</span>
            <svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
              <rect
                x={((from - (spans[0]?.from ?? 0)) / whole) * 1000}
                width={Math.max(2, ((to - from) / whole) * 1000)}
                height="10"
              />
            </svg>
            <span class="time">
              {durationText(to - from)} <small>from {timeText(from, now)}</small>
            </span>
          </li>
        ))}
      </ol>
      <Attempts attempts={run.status?.attemptHistory ?? []} now={now} />
    </section>
  );
}

function Attempts({ attempts, now }: { attempts: readonly Attempt[]; now: number }) {
  if (attempts.length < 2) return null;
  return (
    <table class="attempts">
      <caption>Attempts</caption>
      <thead>
        <tr>
          <th scope="col">Pod</th>
          <th scope="col">Node</th>
          <th scope="col">Lasted</th>
          <th scope="col">End</th>
        </tr>
      </thead>
      <tbody>
        {attempts.map(({ podName = '', nodeName, startTime, completionTime, reason, message, exitCode }) => (
          <tr key={podName}>
            <td>{podName}</td>
            <td>{nodeName}</td>
            <td>
              {startTime !== undefined &&
                durationText(
                  (completionTime === undefined ? now : Date.parse(completionTime)) - Date.parse(startTime),
                )}
            </td>
            <td title={message}>
              {reason ?? (completionTime === undefined ? 'running' : '')}
              {exitCode !== undefined && ` (exit code ${exitCode})`}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
