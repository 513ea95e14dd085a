import type { SetCounts, SetPoint } from '../ui-messages.ts';
import { timeText } from './wording.ts';

const parts = [
  ['done', 'good'],
  ['running', 'busy'],
  ['failed', 'bad'],
  ['waiting', 'quiet'],
] as const;

/** How many inputs are done, running, failed and waiting, as one bar. */
export function SetBar({ counts }: { counts: SetCounts }) {
  const total = Math.max(
    1,
    parts.reduce((sum, [part]) => sum + counts[part], 0),
  );
  const text = parts.map(([part]) => `${counts[part]} ${part}`).join(', ');
  let from = 0;
  return (
    <svg class="set-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label={text}>
      <title>{text}</title>
      {parts.map(([part, look]) => {
        const width = (counts[part] / total) * 1000;
        from += width;
        return <rect key={part} class={look} x={from - width} width={width} height="10" />;
      })}
    </svg>
  );
}

/** The inputs that are done, over the time since the page's program started. */
export function SetCurve({ points }: { points: readonly SetPoint[] }) {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || points.length < 2) return null;
  const time = Math.max(1, last.at - first.at);
  const top = Math.max(1, ...points.map(({ counts }) => counts.done + counts.failed));
  const line = points.map(({ at, counts }) => {
    const [x, y] = [((at - first.at) / time) * 1000, 200 - ((counts.done + counts.failed) / top) * 190];
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const fastest = Math.max(...points.map(({ itemsPerHour }) => itemsPerHour));
  return (
    <figure class="curve">
      <svg
        viewBox="0 0 1000 200"
        preserveAspectRatio="none"
        role="img"
        aria-label="Inputs that have ended, over time"
      >
        <polyline points={line.join(' ')} />
      </svg>
      <figcaption>
        {last.counts.done + last.counts.failed} inputs have ended, from {timeText(first.at)} to{' '}
        {timeText(last.at)}; at most {Math.round(fastest)} an hour
      </figcaption>
    </figure>
  );
}
