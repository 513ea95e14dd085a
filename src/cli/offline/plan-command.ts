import { stringify } from 'yaml';
import { kind, setKind } from '../../api/names.ts';
import { exitCodes } from '../../api/run-plan.ts';
import { sampleOf } from '../../controller/set/decide/set-refusal.ts';
import { CommandLineError, UsageError } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { type Fields, manifestOf, nameOfInput, parseDocuments, readInput } from './manifest.ts';
import { previewText } from './preview-text.ts';
import { previewOf, type RunPreview, type Upload } from './run-preview.ts';
import { type AcceptedSet, acceptSet, chunkSpecOf } from './set-validation.ts';
import { acceptRun } from './validation.ts';

const outputs = ['text', 'json', 'yaml'] as const;

export type PlanOptions = { readonly file: string; readonly output: (typeof outputs)[number] };

/** @throws CommandLineError for another form */
export function planOptions(file: string, given = 'text'): PlanOptions {
  const output = outputs.find((one) => one === given);
  if (output !== undefined) return { file, output };
  throw new CommandLineError(`--output ${given}: it must be one of ${outputs.join(', ')}`);
}

/** The preview of an object of a file. */
type Plan = RunPreview & { readonly kind: string; readonly namespace: string; readonly name: string };

/**
 * `dockerrun plan`: what the runs of a file would mount, download, stream, run and upload, without a cluster and
 * without Girder. Of a set it is what happens for each input. Returns 0, or 64 if an object is invalid.
 */
export async function planCommand({ file, output }: PlanOptions, terminal: Terminal): Promise<number> {
  const { stdin, stdout, stop } = terminal;
  const where = nameOfInput(file);
  const { runs } = manifestOf(parseDocuments(await readInput(file, stdin, stop), where), where);
  if (runs.length === 0) throw new UsageError(`${where}: contains no ${kind} and no ${setKind}`);
  const plans = runs.map((run) => planOf(run, where));
  stdout.write(textOf(plans, output));
  return exitCodes.done;
}

/** @throws UsageError for an object that is not valid */
function planOf(object: Fields, where: string): Plan {
  if (object['kind'] !== setKind) {
    const { namespace, name, spec } = acceptRun(object, where);
    return { kind, namespace, name, ...previewOf(spec) };
  }
  const set = acceptSet(object, where);
  const { forEach: _, ...spec } = chunkSpecOf(set, [sampleOf(set.spec)]);
  const preview = previewOf(spec);
  const inputs = 'the inputs: the values of $(item.…) are those of each';
  const uploads = [...preview.uploads, resultOf(set)];
  const unknown = [inputs, ...preview.unknown];
  return { kind: setKind, namespace: set.namespace, name: set.name, ...preview, uploads, unknown };
}

/** What every input of a set leaves in Girder. */
function resultOf({ spec: { results } }: AcceptedSet): Upload {
  const { id, path } = results.folder ?? {};
  const place = results.folder === undefined ? 'beside the input' : `below folder ${id ?? path}`;
  return {
    path: '$(result)',
    to: `an item ${place}, with a receipt`,
    when: 'OnSuccess',
    ifExists: 'Replace',
    optional: false,
  };
}

function textOf(plans: readonly Plan[], output: PlanOptions['output']): string {
  if (output === 'text')
    return plans
      .map(({ kind: of, namespace, name, ...preview }) => {
        const each = of === setKind ? ', for each input' : '';
        return previewText(`${of} ${namespace}/${name}${each}`, preview);
      })
      .join('\n');
  const value = plans.length === 1 ? plans[0] : plans;
  return output === 'json'
    ? `${JSON.stringify(value, undefined, 2)}\n`
    : stringify(value, { version: '1.1', lineWidth: 0 });
}
