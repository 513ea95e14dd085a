import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import ts from 'typescript';

/** The files of src/builder whose types other programs see, and the types of a manifest. */
const sources = ['src/builder/main.ts', 'src/builder/run-builder.ts', 'src/builder/run-objects.ts'];

/** The declarations of the builder, each with its path in the package. They import only each other. */
export function builderTypes(): { readonly path: string; readonly content: string }[] {
  const own = sources.map((source) => ({
    path: `dist/builder/${basename(source, '.ts')}.d.mts`,
    content: withPackagePaths(declarationsOf(source)),
  }));
  return [
    ...own,
    { path: 'dist/builder/manifests.d.mts', content: readFileSync('schemas/manifests.d.ts', 'utf8') },
  ];
}

function declarationsOf(source: string): string {
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(readFileSync(source, 'utf8'), {
    fileName: source,
    reportDiagnostics: true,
    compilerOptions: {
      isolatedDeclarations: true,
      declaration: true,
      removeComments: false,
      stripInternal: true,
    },
  });
  const [first] = diagnostics;
  if (first === undefined) return outputText;
  throw new Error(`${source}: ${ts.flattenDiagnosticMessageText(first.messageText, ' ')}`);
}

/** `./run-objects.mjs` for a file of the builder: the declarations beside it. */
function withPackagePaths(text: string): string {
  return text
    .replaceAll("'../../schemas/manifests.d.ts'", "'./manifests.mjs'")
    .replace(/'\.\/([a-z-]+)\.ts'/g, "'./$1.mjs'");
}
