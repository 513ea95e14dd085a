/** What the Dockerfile makes of a base. */
export type ImageRecipe = {
  /** Paths of the tar files that become layers, in order. */
  readonly added: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string;
  readonly entrypoint: readonly string[];
};

/**
 * Reads the instructions that our own Dockerfile has, so that the image of a release is the one that `docker build`
 * makes. Every other instruction is an error.
 */
export function readDockerfile(text: string, given: Readonly<Record<string, string>>): ImageRecipe {
  const added: string[] = [];
  const labels: Record<string, string> = {};
  let user = '';
  let entrypoint: string[] = [];
  for (const [, word = '', rest = ''] of instructions(text)) {
    const value = substituted(rest, given);
    if (word === 'ADD') added.push(tarOf(value));
    else if (word === 'LABEL') Object.assign(labels, labelsOf(value));
    else if (word === 'USER') user = value;
    else if (word === 'ENTRYPOINT') entrypoint = JSON.parse(value) as string[];
    else if (word !== 'FROM' && word !== 'ARG')
      throw new Error(
        `the image of a release cannot have ${word} of the Dockerfile: add it to scripts/release/dockerfile.ts`,
      );
  }
  return { added, labels, user, entrypoint };
}

function instructions(text: string): RegExpMatchArray[] {
  const lines = text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  return lines.flatMap((line) => {
    const match = /^(\w+)\s+(.*)$/.exec(line.trim());
    return match === null ? [] : [match];
  });
}

/** `${BASE}` belongs to the build, and is left as it is. */
function substituted(text: string, given: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => given[name] ?? whole);
}

function tarOf(value: string): string {
  const [, path] = /^(\S+\.tar) \/$/.exec(value) ?? [];
  if (path === undefined) throw new Error(`ADD of the Dockerfile must be a tar file and /, not "${value}"`);
  return path;
}

function labelsOf(value: string): Record<string, string> {
  const pairs = [...value.matchAll(/([\w.-]+)="([^"]*)"/g)];
  return Object.fromEntries(pairs.map(([, key = '', content = '']) => [key, content]));
}
