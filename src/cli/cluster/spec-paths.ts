import { parse } from 'yaml';
import { isRecord } from '../../api/json-values.ts';
import type { StructuralSchema } from '../../api/structural.ts';
import { CommandLineError } from '../arguments.ts';

/** A step of a path: the name of a field, the index of an element, or the name of an element. */
export type Step = { readonly field: string } | { readonly index: number } | { readonly element: string };

const longestPath = 512;

/** Splits `args[0]` or `transforms[ct].connect.output` into its steps. @throws CommandLineError */
export function stepsOf(path: string): Step[] {
  const steps: Step[] = [];
  const pattern = /(?:^|\.)([A-Za-z_][\w-]*)|\[(\d{1,4})\]|\[([A-Za-z][\w.-]*)\]/gy;
  let end = 0;
  for (let found = pattern.exec(path); found !== null; found = pattern.exec(path)) {
    const [, field, index, element] = found;
    end = pattern.lastIndex;
    if (field !== undefined) steps.push({ field });
    else if (index !== undefined) steps.push({ index: Number(index) });
    else steps.push({ element: element ?? '' });
    if (end === path.length) break;
  }
  const isPath = end === path.length && path.length <= longestPath && steps[0] !== undefined;
  if (!isPath || !('field' in (steps[0] ?? {})) || unsafe(steps))
    throw new CommandLineError(
      `--set ${path}: write the path as image, args[0] or transforms[NAME].girderFileIdToVolume.fileId`,
    );
  return steps;
}

const unsafe = (steps: readonly Step[]) =>
  steps.some((step) => 'field' in step && ['__proto__', 'constructor', 'prototype'].includes(step.field));

/** `PATH=VALUE` of an option. @throws CommandLineError */
export function assignmentOf(text: string): { readonly path: string; readonly value: string } {
  const [, path, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (path === undefined || value === undefined)
    throw new CommandLineError(`--set ${text}: write it as PATH=VALUE, such as image=alpine`);
  return { path: path.trim(), value };
}

/**
 * A copy of a spec in which a field has another value: text where the schema has text, and YAML elsewhere. Objects and
 * elements on the way are created; an index may be that of the next element. @throws CommandLineError
 */
export function withField(
  spec: unknown,
  { path, value }: { readonly path: string; readonly value: string },
  schema: StructuralSchema,
): unknown {
  return changed({ at: spec, schema }, stepsOf(path), { path, value });
}

type Place = { readonly at: unknown; readonly schema: StructuralSchema | undefined };
type Assignment = { readonly path: string; readonly value: string };

function changed(place: Place, steps: readonly Step[], assignment: Assignment): unknown {
  const [step, ...rest] = steps;
  if (step === undefined) return valueFor(assignment, place.schema);
  if ('field' in step) return withChangedField(place, [step, ...rest], assignment);
  const list: unknown = place.at ?? [];
  if (!Array.isArray(list)) throw misfit(assignment, stepText(step), 'is not in a list');
  const index = indexIn(list, step, assignment);
  const element: unknown = list[index] ?? ('element' in step ? { name: step.element } : undefined);
  const inner = { at: element, schema: place.schema?.items };
  return list.toSpliced(index, 1, changed(inner, rest, assignment));
}

function withChangedField(
  { at = {}, schema }: Place,
  [{ field }, ...rest]: readonly [{ readonly field: string }, ...Step[]],
  assignment: Assignment,
): object {
  if (!isRecord(at)) throw misfit(assignment, field, 'is not a field of a list or text');
  const { properties, additionalProperties } = schema ?? {};
  const below = properties?.[field] ?? additionalProperties;
  if (properties !== undefined && below === undefined) throw misfit(assignment, field, 'does not exist');
  const inner = { at: Object.hasOwn(at, field) ? at[field] : undefined, schema: below };
  return { ...at, [field]: changed(inner, rest, assignment) };
}

/** The element after the last one is new. */
function indexIn(
  list: readonly unknown[],
  step: Exclude<Step, { field: string }>,
  assignment: Assignment,
): number {
  if ('element' in step) {
    const found = list.findIndex((one) => isRecord(one) && one['name'] === step.element);
    return found === -1 ? list.length : found;
  }
  if (step.index <= list.length) return step.index;
  throw misfit(assignment, stepText(step), `does not exist: the list has ${list.length} elements`);
}

const stepText = (step: Step) =>
  'field' in step ? step.field : `[${'index' in step ? step.index : step.element}]`;

function misfit({ path }: Assignment, step: string, what: string): CommandLineError {
  return new CommandLineError(`--set ${path}: ${step} ${what}`);
}

function valueFor({ path, value }: Assignment, schema: StructuralSchema | undefined): unknown {
  if (isText(schema)) return value;
  try {
    return parse(value, { version: '1.1', maxAliasCount: 0 });
  } catch {
    throw new CommandLineError(`--set ${path}: the value is not YAML`);
  }
}

function isText(schema: (StructuralSchema & { readonly type?: unknown }) | undefined): boolean {
  return schema?.type === 'string';
}
