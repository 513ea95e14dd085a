/** A duration in at most two units: `3 m 20 s`. */
export function durationText(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const units = [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const;
  const first = units.findIndex(([, size]) => seconds >= size);
  const [large, small] = [units[first], units[first + 1]];
  if (large === undefined) return '0 s';
  const count = Math.floor(seconds / large[1]);
  const rest = small === undefined ? 0 : Math.floor((seconds % large[1]) / small[1]);
  return rest === 0 || small === undefined
    ? `${count} ${large[0]}`
    : `${count} ${large[0]} ${rest} ${small[0]}`;
}

/** A time of day of the user, with the date if it is not today. */
export function timeText(time: string | number, now = Date.now()): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return '';
  const isToday = date.toDateString() === new Date(now).toDateString();
  return isToday ? date.toLocaleTimeString() : date.toLocaleString();
}

/** The sign before a phase, so that phases differ without colours as well. */
export const phaseSigns: Readonly<Record<string, string>> = {
  Pending: '◌',
  Suspended: '‖',
  Paused: '‖',
  Preparing: '↓',
  Listing: '≡',
  Canary: '◔',
  Running: '▶',
  Processing: '▶',
  Uploading: '↑',
  Idle: '●',
  Succeeded: '✔',
  Complete: '✔',
  Failed: '✘',
  Cancelled: '⊘',
};

/** The class of a phase, which has its colour. */
export function phaseClass(phase: string): 'good' | 'bad' | 'busy' | 'quiet' {
  if (phase === 'Succeeded' || phase === 'Complete') return 'good';
  if (phase === 'Failed') return 'bad';
  return phase === 'Pending' ||
    phase === 'Suspended' ||
    phase === 'Paused' ||
    phase === 'Cancelled' ||
    phase === 'Idle'
    ? 'quiet'
    : 'busy';
}

/** Whether a run or set in this phase never leaves it by itself. */
export function isOver(phase: string): boolean {
  return ['Succeeded', 'Failed', 'Cancelled', 'Complete'].includes(phase);
}
