import { type Column, runColumns } from '../../api/crd.ts';
import { setColumns } from '../../api/set/set-crd.ts';
import { plain, type StoredObject } from './stored-object.ts';
import type { TargetKind } from './targets.ts';

export type TableOptions = {
  readonly kind: TargetKind;
  readonly isWide: boolean;
  /** Whether each row starts with the namespace. */
  readonly hasNamespace: boolean;
  readonly now: number;
  /** No line is longer; the widest columns are cut for it. */
  readonly columns?: number;
};

const gap = 3;

/** The columns that `kubectl get` prints, with a line for each object. */
export function objectTable(objects: readonly StoredObject[], options: TableOptions): string[] {
  const { kind, isWide, hasNamespace, now, columns } = options;
  const shown = (kind === 'run' ? runColumns : setColumns).filter(
    ({ priority = 0 }) => isWide || priority === 0,
  );
  const heads = [
    ...(hasNamespace ? ['NAMESPACE'] : []),
    'NAME',
    ...shown.map(({ name }) => name.toUpperCase()),
  ];
  const rows = objects.map((object) => [
    ...(hasNamespace ? [object.metadata.namespace] : []),
    object.metadata.name,
    ...shown.map((column) => plain(cellOf(object, column, now))),
  ]);
  return alignedLines([heads, ...rows], columns);
}

function cellOf(object: StoredObject, { jsonPath, type }: Column, now: number): string {
  let value: unknown = object;
  for (const field of jsonPath.split('.').slice(1))
    value =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined;
  if (typeof value !== 'string' && typeof value !== 'number') return '';
  return type === 'date' ? ageOf(String(value), now) : String(value);
}

/** Pads the cells; with `columns`, the widest columns lose what does not fit, but keep 8 characters. */
export function alignedLines(rows: readonly (readonly string[])[], columns = Infinity): string[] {
  const widths = (rows[0] ?? []).map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  const total = () => widths.reduce((sum, width) => sum + width, 0) + gap * (widths.length - 1);
  for (let excess = total() - columns; excess > 0; excess = total() - columns) {
    const widest = widths.indexOf(Math.max(...widths));
    const width = widths[widest] ?? 0;
    if (width <= 8) break;
    widths[widest] = Math.max(8, width - Math.max(1, Math.ceil(excess / widths.length)));
  }
  return rows.map((row) =>
    row
      .map((cell, index) => cut(cell, widths[index] ?? 0).padEnd((widths[index] ?? 0) + gap))
      .join('')
      .trimEnd()
      .slice(0, columns === Infinity ? undefined : columns),
  );
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

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
