import { kind, labels, setKind } from '../../api/names.ts';
import { dockerRunSetSpec } from '../../api/set/set-spec.ts';
import { dockerRunSpec } from '../../api/spec.ts';
import type { StructuralSchema } from '../../api/structural.ts';
import { recordAt, textAt } from '../../kube/json.ts';
import { retriedRun, retryObstacle } from '../../kube/retried-run.ts';
import { CommandLineError, type Given, ownCodes, secondsOf, UsageError } from '../arguments.ts';
import { type Fields, manifestOf, nameOfInput, parseDocuments, readInput } from '../offline/manifest.ts';
import { acceptSet } from '../offline/set-validation.ts';
import { acceptRun } from '../offline/validation.ts';
import type { Terminal } from '../terminal.ts';
import { patchSpec } from './control-commands.ts';
import { type Format, formatOf, formatted } from './output-format.ts';
import { ask, checked, ClusterError, collectionOf, getTarget, openSession, type Session } from './session.ts';
import { assignmentOf, withField } from './spec-paths.ts';
import { isSet, nameOfStored, runStatusOf, type StoredObject } from './stored-object.ts';
import { type Target, targetOf, titleOf } from './targets.ts';
import { waitFor, watchTargets } from './watch-command.ts';

const formats = ['name', 'json', 'yaml'] as const;

/** `dockerrun submit` */
export async function submitCommand(given: Given, terminal: Terminal): Promise<number> {
  const after = afterwards(given);
  const format = formatOf(given, formats);
  const [path = '-'] = given.args;
  const file = nameOfInput(path);
  const { runs, secrets, configMaps, ignored } = manifestOf(
    parseDocuments(await readInput(path, terminal.stdin, terminal.stop), file),
    file,
  );
  if (runs.length === 0) throw new UsageError(`${file}: contains no ${kind} and no ${setKind}`);
  const objects = runs.map((run) => prepared(run, given));
  for (const object of objects) {
    if (object['kind'] === setKind) acceptSet(object, file);
    else acceptRun(object, file);
  }
  const others = secrets.length + configMaps.length + ignored.length;
  if (others > 0)
    terminal.stderr.write(
      `dockerrun: ${file}: ${others} other ${others === 1 ? 'object is' : 'objects are'} not created; use kubectl apply for them\n`,
    );
  const session = await openSession(given, terminal);
  const created: StoredObject[] = [];
  try {
    for (const object of objects) created.push(await create(session, object, given));
  } finally {
    // Also when one of several was refused: the others exist now.
    if (created.length > 0) report(created, { format, verb: 'created', given, terminal });
  }
  return after(session, created.map(targetOfStored));
}

/** With the changes of --set and --generate-name. @throws CommandLineError */
function prepared(object: Fields, given: Given): Fields {
  const schema = (object['kind'] === setKind ? dockerRunSetSpec : dockerRunSpec) as StructuralSchema;
  const assignments = given.texts('set').map(assignmentOf);
  const spec = assignments.reduce((at: unknown, one) => withField(at, one, schema), object['spec']);
  const prefix = given.text('generate-name');
  const { name, ...others } = recordAt(object, 'metadata');
  const metadata = prefix === undefined ? { ...others, name } : { ...others, generateName: prefix };
  return { ...object, metadata: withoutUndefined(metadata), spec };
}

const withoutUndefined = (fields: Fields) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

async function create(session: Session, object: Fields, given: Given): Promise<StoredObject> {
  const own = textAt(object['metadata'], 'namespace');
  if (own !== undefined && given.has('namespace') && own !== session.namespace)
    throw new CommandLineError(`the file says namespace ${own}, and --namespace ${session.namespace}`);
  const of = object['kind'] === setKind ? 'set' : 'run';
  const path = collectionOf(of, own ?? session.namespace);
  if (own !== undefined && !/^[a-z0-9-]{1,63}$/.test(own))
    throw new UsageError(`metadata.namespace "${own}" cannot be the name of a namespace`);
  const query = { fieldManager: 'dockerrun', fieldValidation: 'Strict', ...dryRunQuery(given) };
  return checked(await ask(session, { method: 'POST', path, query, body: object }), of);
}

function dryRunQuery(given: Given): Record<string, string> {
  return given.has('dry-run') ? { dryRun: 'All' } : {};
}

type Report = {
  readonly format: Format | undefined;
  readonly verb: string;
  readonly given: Given;
  readonly terminal: Terminal;
};

function report(objects: readonly StoredObject[], { format, verb, given, terminal }: Report): void {
  const note = given.has('dry-run') ? ' (dry run: nothing was changed)' : '';
  terminal.stdout.write(
    format === undefined || format === 'wide'
      ? objects.map((one) => `${nameOfStored(one)} ${verb}${note}\n`).join('')
      : formatted(objects, format, { isList: false }),
  );
}

function targetOfStored(object: StoredObject): Target & { readonly namespace: string } {
  const { name, namespace } = object.metadata;
  return { kind: isSet(object) ? 'set' : 'run', name, namespace };
}

type After = (session: Session, targets: readonly (Target & { namespace: string })[]) => Promise<number>;

/** What --watch and --wait ask for. @throws CommandLineError */
function afterwards(given: Given): After {
  const timeoutSeconds = secondsOf(given, 'timeout');
  const [watch, wait] = [given.has('watch'), given.has('wait')];
  if (watch && wait) throw new CommandLineError('use either --watch or --wait');
  if (timeoutSeconds !== undefined && !watch && !wait)
    throw new CommandLineError('--timeout needs --watch or --wait');
  if ((watch || wait) && given.has('dry-run'))
    throw new CommandLineError('with --dry-run there is nothing to wait for');
  return async (session, targets) => {
    if (!watch && !wait) return ownCodes.done;
    const [first] = targets;
    if (targets.some(({ namespace }) => namespace !== first?.namespace))
      throw new CommandLineError('--watch and --wait need objects of one namespace');
    const own = { ...session, namespace: first?.namespace ?? session.namespace };
    return (watch ? watchTargets : waitFor)(own, targets, timeoutSeconds);
  };
}

/** `dockerrun retry` */
export async function retryCommand(given: Given, terminal: Terminal): Promise<number> {
  const after = afterwards(given);
  const format = formatOf(given, formats);
  const target = targetOf(given.args[0] ?? '');
  if (target.kind === 'set' && !given.has('failed'))
    throw new CommandLineError(
      'of a set, only what failed can be retried: add --failed; a new spec.version runs every input again',
    );
  if (target.kind === 'run' && given.has('failed'))
    throw new CommandLineError('--failed is for a set: dockerrun retry set/NAME --failed');
  const session = await openSession(given, terminal);
  const object =
    target.kind === 'set' ? await retrySet(session, target, given) : await retryRun(session, target, given);
  report([object], {
    format,
    verb: target.kind === 'set' ? 'retries what failed' : 'created',
    given,
    terminal,
  });
  return after(session, [targetOfStored(object)]);
}

async function retrySet(session: Session, target: Target, given: Given): Promise<StoredObject> {
  return patchSpec(session, target, { verb: 'retryFailed', given });
}

async function retryRun(session: Session, target: Target, given: Given): Promise<StoredObject> {
  const old = await getTarget(session, target);
  const obstacle = retryObstacle(old);
  if (obstacle === undefined) return create(session, retriedRun(old), given);
  const set = textAt(recordAt(old.metadata, 'labels'), labels.set) ?? 'NAME';
  const phase = runStatusOf(old).phase ?? 'Pending';
  const problem = {
    NotEnded: `has not ended (${phase}): dockerrun cancel ${target.name} stops it`,
    Chunk: `is a chunk of a set: dockerrun retry set/${set} --failed tries its failed inputs again`,
  }[obstacle];
  throw new ClusterError(`${titleOf(target)} ${problem}`);
}
