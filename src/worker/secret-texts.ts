import { referencedNames } from '../api/references.ts';
import type { DockerRunSpec } from '../api/spec.ts';
import { RunError } from '../support/errors.ts';
import type { RunEnvironment } from './run-environment.ts';

/** What `$(name)` stands for, by the name of a transform with a `secretKeyRef`. */
export type SecretTexts = ReadonlyMap<string, string>;

/** In bytes: Linux takes no longer argument or variable. */
export const longestValue = 128 * 1024 - 1;

/** In characters, of all arguments and variables: more than Linux takes with the usual limit of the stack. */
export const longestOfAll = 4 * 1024 * 1024;

/**
 * The values of the Secrets that arguments and variables name.
 * @throws RunError SecretIncomplete, without the value, for one that no argument can hold
 */
export async function readSecretTexts({
  spec,
  secretValue,
}: Pick<RunEnvironment, 'spec' | 'secretValue'>): Promise<SecretTexts> {
  const values = new Map<string, string>();
  for (const { name, secretKeyRef } of spec.transforms ?? []) {
    if (secretKeyRef === undefined) continue;
    const field = `spec.transforms: ${name}.secretKeyRef`;
    // Without the line end that editors and `echo` add to a Secret.
    const text = (await secretValue(secretKeyRef, field)).replace(/\r?\n$/, '');
    const problem = problemOf(text);
    const where = `${field}: key ${secretKeyRef.key} of Secret ${secretKeyRef.name}`;
    if (problem !== undefined) throw new RunError('SecretIncomplete', `${where} ${problem}`);
    values.set(name, text);
  }
  checkLength(spec, values);
  return values;
}

function problemOf(text: string): string | undefined {
  if (text.includes('\0')) return 'has a NUL byte, which no argument can hold; encode it, as with base64';
  const bytes = Buffer.byteLength(text);
  return bytes > longestValue
    ? `has ${bytes} bytes, and an argument at most ${longestValue}; mount the Secret as a volume`
    : undefined;
}

/** Before they are expanded: few names in a spec can stand for more than the memory of the worker. */
function checkLength({ args = [], env = [] }: DockerRunSpec, values: SecretTexts): void {
  const texts = [...args, ...env.map(({ value = '' }) => value)];
  const length = texts
    .flatMap(referencedNames)
    .reduce((sum, name) => sum + (values.get(name)?.length ?? 0), 0);
  if (length <= longestOfAll) return;
  const text = `spec.args and spec.env: the values of Secrets in them have ${length} characters, but all arguments and variables may have at most ${longestOfAll}; mount the Secret as a volume`;
  throw new RunError('InvalidSpec', text);
}

/** An error of the engine may quote an argument: the value of a Secret in it becomes its name again. */
export function withoutSecretTexts(error: unknown, values: SecretTexts): unknown {
  if (!(error instanceof RunError)) return error;
  const message = [...values]
    .toSorted(([, one], [, other]) => other.length - one.length)
    .reduce(
      (text, [name, value]) => (value === '' ? text : text.replaceAll(value, `$(${name})`)),
      error.message,
    );
  // The cause has the text of the engine.
  return message === error.message ? error : new RunError(error.reason, message);
}
