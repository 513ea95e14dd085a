import { CommandLineError } from '../arguments.ts';

export type TargetKind = 'run' | 'set';

/** A run or a set that an argument names. */
export type Target = { readonly kind: TargetKind; readonly name: string };

/** As kubectl knows the resources: by plural, singular, short name, and with the group. */
const spellings: Readonly<Record<TargetKind, readonly string[]>> = {
  run: ['run', 'runs', 'dr', 'dockerrun', 'dockerruns'],
  set: ['set', 'sets', 'drset', 'dockerrunset', 'dockerrunsets'],
};

/** The kind that a word names; undefined for another word. */
export function kindNamed(word: string): TargetKind | undefined {
  const short = word.toLowerCase().replace(/\.dockerrun\.dev$/, '');
  return (['run', 'set'] as const).find((kind) => spellings[kind].includes(short));
}

/** What the API server accepts as the name of an object. */
const validName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** `NAME`, `run/NAME` or `set/NAME`. @throws CommandLineError */
export function targetOf(text: string, otherwise: TargetKind = 'run'): Target {
  const slash = text.lastIndexOf('/');
  const kind = slash === -1 ? otherwise : kindNamed(text.slice(0, slash));
  const name = text.slice(slash + 1);
  if (kind === undefined)
    throw new CommandLineError(`"${text}": write a run as NAME or run/NAME, and a set as set/NAME`);
  if (!validName.test(name)) throw new CommandLineError(`"${name}" cannot be the name of a ${kind}`);
  return { kind, name };
}

/** @throws CommandLineError for what is not a run */
export function runNamed(text: string, verb: string): Target {
  const target = targetOf(text);
  if (target.kind === 'run') return target;
  throw new CommandLineError(
    `${verb} is for a run, not for a set; dockerrun list --set ${target.name} shows its runs`,
  );
}

/** @throws CommandLineError for what is not a set */
export function setNamed(text: string, verb: string): Target {
  const target = targetOf(text, 'set');
  if (target.kind === 'set') return target;
  throw new CommandLineError(`${verb} is for a DockerRunSet, not for a run`);
}

export function titleOf({ kind, name }: Target): string {
  return `${kind}/${name}`;
}
