import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';

/** A file of src and what it imports: other files of src by path, packages and Node's modules by name. */
export type SourceFile = {
  readonly path: string;
  readonly lines: number;
  readonly imports: readonly string[];
};

/** Every TypeScript file of the program, with static, type-only and dynamic imports alike. */
export const sourceFiles: readonly SourceFile[] = globSync('src/**/*.{ts,tsx}')
  .toSorted()
  .map((path) => {
    const text = readFileSync(path, 'utf8');
    const { importedFiles } = ts.preProcessFile(text, true, true);
    const imports = importedFiles.map(({ fileName }) =>
      fileName.startsWith('.') ? posix.join(posix.dirname(path), fileName) : fileName,
    );
    return { path, lines: text.trimEnd().split('\n').length, imports };
  });

/** Where a program starts. */
const programs = ['src/main.ts', 'src/kubectl-complete.ts'];

/** The layer that a file of src is in: its folder, or `main` for the start of a program. */
export function layerOf(path: string): string | undefined {
  if (programs.includes(path)) return 'main';
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** Every file and package that a file loads, each with the chain of imports that leads to it. */
export function reachableFrom(path: string): Map<string, readonly string[]> {
  const ways = new Map<string, readonly string[]>([[path, [path]]]);
  for (const [from, way] of ways) {
    const imports = sourceFiles.find((file) => file.path === from)?.imports ?? [];
    for (const to of imports) if (!ways.has(to)) ways.set(to, [...way, to]);
  }
  return ways;
}
