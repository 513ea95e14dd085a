import { girderPage } from '../../api/girder-page.ts';
import { isRecord, textOf } from '../../api/json-values.ts';
import { labels, labelValue } from '../../api/names.ts';
import { foreignText, receiptKey, type ResultOwner, resultOwner } from '../../api/set/receipt.ts';
import type { DockerRunSetStatus } from '../../api/set/set-status.ts';
import { listAt, recordAt, textAt } from '../../kube/json.ts';
import type { ReportRow } from '../../planner/csv.ts';
import { describe } from '../../support/errors.ts';
import { type Given, ownCodes } from '../arguments.ts';
import { whyTexts } from '../local/set-lines.ts';
import type { Terminal } from '../terminal.ts';
import { dumped, formatOf } from './output-format.ts';
import { findInReport } from './report-search.ts';
import { ClusterError, getTarget, listObjects, openSession, type Session } from './session.ts';
import { plain, runStatusOf, setStatusOf, type StoredObject } from './stored-object.ts';
import { setNamed, type Target } from './targets.ts';
import { withUserGirder } from './user-girder.ts';

/** `dockerrun failures` */
export async function failuresCommand(given: Given, terminal: Terminal): Promise<number> {
  const target = setNamed(given.args[0] ?? '', 'failures');
  const format = formatOf(given, ['json', 'yaml']);
  const session = await openSession(given, terminal);
  const set = await getTarget(session, target);
  const status = setStatusOf(set);
  if (format === 'json' || format === 'yaml') terminal.stdout.write(dumped(status.failures ?? [], format));
  else terminal.stdout.write(`${failureLines(status, apiUrlOf(set)).map(plain).join('\n')}\n`);
  return ownCodes.done;
}

const apiUrlOf = (object: StoredObject) =>
  textAt(recordAt(recordAt(object, 'spec'), 'girder'), 'apiUrl') ?? '';

/** The groups of failed inputs, the largest first. */
export function failureLines({ failures = [], items, report }: DockerRunSetStatus, apiUrl: string): string[] {
  const page = (id: string) => girderPage(apiUrl, `item/${id}`) ?? `item ${id}`;
  const total = items?.failed ?? failures.reduce((sum, { count }) => sum + count, 0);
  if (failures.length === 0)
    return [total === 0 ? 'no input has failed' : `${total} inputs failed; the report names them`];
  const groups = failures
    .toSorted((a, b) => b.count - a.count)
    .flatMap(({ reason, count, message, examples }) => [
      `${count} ${count === 1 ? 'input' : 'inputs'}: ${reason}`,
      ...(message === undefined ? [] : [`    ${message}`]),
      ...examples.map(({ name, itemId, resultItemId }) => `  ${name}: ${page(resultItemId ?? itemId)}`),
      '',
    ]);
  const where = report === undefined ? [] : [`All of them are in ${report.name}: ${page(report.itemId)}`];
  const end = groups.slice(0, where.length > 0 ? undefined : -1);
  return [...end, ...where];
}

/** `dockerrun explain-item` */
export async function explainItemCommand(given: Given, terminal: Terminal): Promise<number> {
  const target = setNamed(given.args[0] ?? '', 'explain-item');
  const input = given.args[1] ?? '';
  const session = await openSession(given, terminal);
  const set = await getTarget(session, target);
  const { lines, note, itemId = input } = await girderLines(set, input, session);
  const chunk = chunkLine(await chunksOf(session, target), itemId);
  const all = [...(chunk === undefined ? [] : [chunk]), ...lines];
  if (note !== undefined) terminal.stderr.write(`dockerrun: ${note}\n`);
  if (all.length === 0)
    throw new ClusterError(
      `neither the chunks in the cluster nor the report of the last pass know an input ${input} of the set ${target.name}`,
    );
  terminal.stdout.write(`${all.map(plain).join('\n')}\n`);
  return ownCodes.done;
}

function chunksOf(session: Session, { name }: Target): Promise<StoredObject[]> {
  const labelSelector = `${labels.set}=${labelValue(name)}`;
  return listObjects(session, { kind: 'run', namespace: session.namespace, labelSelector });
}

const stateTexts: Readonly<Record<string, string>> = {
  w: 'waits in',
  r: 'runs in',
  s: 'succeeded in',
  k: 'was skipped, because its result is there, in',
  f: 'failed in',
};

/** What the chunks that are in the cluster say of an input; of several, the newest. */
export function chunkLine(chunks: readonly StoredObject[], itemId: string): string | undefined {
  const created = (chunk: StoredObject) => textAt(chunk.metadata, 'creationTimestamp') ?? '';
  for (const chunk of chunks.toSorted((a, b) => created(b).localeCompare(created(a)))) {
    const items = listAt(recordAt(recordAt(chunk, 'spec'), 'forEach'), 'items');
    const index = items.findIndex((item) => textAt(item, 'id') === itemId);
    if (index === -1) continue;
    const { items: ended, phase } = runStatusOf(chunk);
    const state = ended?.states[index] ?? 'w';
    const failure = ended?.failures?.find((group) => group.items.includes(index));
    const why = failure === undefined ? '' : ` (${failure.reason}: ${failure.message ?? ''})`;
    const name = chunk.metadata.name;
    return `cluster: it ${stateTexts[state] ?? stateTexts['w']} the chunk ${name}, which is ${phase ?? 'Pending'}${why}`;
  }
  return undefined;
}

type Found = {
  readonly lines: readonly string[];
  readonly note: string | undefined;
  /** The ID of the input, which may have been named by its path. */
  readonly itemId?: string | undefined;
};

/** What the report and the receipt in Girder say, or why they were not read. */
async function girderLines(set: StoredObject, input: string, { terminal }: Session): Promise<Found> {
  const { report, pass } = setStatusOf(set);
  if (report === undefined) return { lines: [], note: 'no pass has ended yet, so there is no report' };
  try {
    return await withUserGirder(terminal, apiUrlOf(set), async (client, signal) => {
      const row = await findInReport(client, report, { input, signal });
      if (row === undefined) return { lines: [], note: `${report.name} has no input ${input}` };
      const lines = [`report of pass ${pass?.number ?? '?'}: ${row.path ?? input}: ${rowText(row)}`];
      const found = { note: undefined, itemId: row.itemId };
      if (row.resultItemId === undefined || row.resultItemId === '') return { ...found, lines };
      const route = ['item', row.resultItemId];
      const subject = `item ${row.resultItemId}`;
      const value = await client.json({ method: 'GET', route, subject, signal, parse: receiptValue });
      const { namespace, name } = set.metadata;
      const owner = resultOwner(value, `${namespace}/${name}`);
      const page = girderPage(apiUrlOf(set), `item/${row.resultItemId}`) ?? subject;
      return { ...found, lines: [...lines, ...receiptLines(owner, page)] };
    });
  } catch (error) {
    terminal.stop.throwIfAborted();
    return { lines: [], note: `the report and the receipt were not read: ${describe(error)}` };
  }
}

/** The words of docs/sets.md for a line of the report. */
export function rowText({ state = '', why = '', reason = '', message = '' }: ReportRow): string {
  const cause = Object.entries(whyTexts).find(([name]) => name === why)?.[1];
  const states: Readonly<Record<string, string>> = {
    done: cause === undefined ? 'its result is up to date' : `it ran and succeeded, because ${cause}`,
    failed: cause === undefined ? 'it failed for good' : `it ran and failed; it ran because ${cause}`,
    todo: `it did not run yet, and has to, because ${cause ?? 'its result is not up to date'}`,
    waiting: 'it failed, and is tried again later',
    excluded: 'it is excluded',
    unsettled: 'it is left for a later pass',
    moved: 'it is elsewhere below the source, and its result follows it',
    gone: 'it no longer exists',
    kept: 'it was not found beside its result, which stays',
  };
  const text = states[state] ?? state;
  const details = [reason, message].filter((part) => part !== '').join(': ');
  return details === '' ? text : `${text} (${details})`;
}

function receiptValue(item: unknown): unknown {
  const meta = isRecord(item) ? item['meta'] : undefined;
  return isRecord(meta) ? meta[receiptKey] : undefined;
}

/** What the item at the place of a result says; `page` is its address. */
export function receiptLines(owner: ResultOwner, page: string): string[] {
  if (owner.kind === 'other')
    return [`result: ${page} is not replaced (ResultNotOurs), because it ${foreignText(owner)}`];
  if (owner.kind === 'unmarked')
    return [
      `result: ${page} has no receipt: the input runs in the next pass if the item has no files, and fails with ResultNotOurs if it has some`,
    ];
  const { receipt } = owner;
  if (receipt === undefined) return [`result: ${page} has no receipt, so the input runs in the next pass`];
  const { state, finishedAt, image, version, attempts, reason, message, run } = receipt;
  const of = version === undefined ? image : `${image}, version ${textOf(version) ?? ''}`;
  const why = [reason, message].filter((part) => part !== undefined).join(': ');
  return [
    `receipt: ${state} at ${finishedAt} in ${run} with ${of}, attempt ${attempts}${why === '' ? '' : ` (${why})`}`,
    `result: ${page}`,
  ];
}
