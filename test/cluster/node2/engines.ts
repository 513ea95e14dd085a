/**
 * A release of Debian whose packages make the node's root, and whether Docker Engine is among them. With `next`, the engine
 * itself is a newer one that no release has, built from its Go module.
 */
export type EngineChoice = {
  readonly name: string;
  readonly suite: 'trixie' | 'sid';
  readonly docker: boolean;
  readonly next?: true;
};

const choices: readonly EngineChoice[] = [
  { name: '26.1', suite: 'trixie', docker: true },
  { name: '28.5', suite: 'sid', docker: true },
  { name: 'next', suite: 'sid', docker: true, next: true },
  { name: 'none', suite: 'trixie', docker: false },
];

/** The engine that ENGINE names; the first one when it names none. Throws for a name that is not offered. */
export function engineNamed(name: string | undefined): EngineChoice {
  const wanted = name === undefined || name === '' ? choices[0]?.name : name;
  const choice = choices.find((each) => each.name === wanted);
  if (choice !== undefined) return choice;
  const offered = choices.map((each) => each.name).join(', ');
  throw new Error(`there is no engine ${wanted} for the second node: ENGINE is one of ${offered}`);
}
