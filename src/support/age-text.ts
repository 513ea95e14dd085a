/** The time since an instant, as kubectl prints ages. */
export function ageOf(instant: string, now: number): string {
  const time = Date.parse(instant);
  return Number.isNaN(time) ? '' : durationText(Math.max(0, Math.floor((now - time) / 1000)));
}

/** Seconds in at most two units (https://github.com/kubernetes/apimachinery/blob/master/pkg/util/duration). */
export function durationText(seconds: number): string {
  const [minutes, hours, days] = [60, 3_600, 86_400].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  const two = (first: string, rest: number, unit: string) => (rest === 0 ? first : `${first}${rest}${unit}`);
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return two(`${minutes}m`, seconds % 60, 's');
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return two(`${hours}h`, minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  if (days < 8) return two(`${days}d`, hours % 24, 'h');
  return `${days}d`;
}
