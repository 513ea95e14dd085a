import { type Column, runColumns } from '../../api/crd.ts';
import { setColumns } from '../../api/set/set-crd.ts';
import { plain, type StoredObject } from './stored-object.ts';
import type { TargetKind } from './targets.ts';
import { ageOf } from '../../support/age-text.ts';

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
