import type { Attempt, RunObject } from './run-object.ts';
import { spansOf } from './run-spans.ts';
import { durationText, timeText } from './wording.ts';

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
