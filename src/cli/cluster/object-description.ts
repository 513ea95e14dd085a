import { girderPage } from '../../api/girder-page.ts';
import type { DockerRunSetStatus } from '../../api/set/set-status.ts';
import { recordAt, textAt } from '../../kube/json.ts';
import { ageOf, durationText } from '../../support/age-text.ts';
import { bytesText } from '../../support/byte-text.ts';
import { alignedLines } from './object-table.ts';
import { isSet, plain, runStatusOf, setStatusOf, type StoredObject } from './stored-object.ts';

type Row = readonly [label: string, value: string | number | undefined];

/** What `dockerrun get NAME` prints about a run or a set, for people. */
export function objectDescription(object: StoredObject, now: number): string[] {
  return isSet(object) ? setDescription(object, now) : runDescription(object, now);
}

function runDescription(object: StoredObject, now: number): string[] {
  const status = runStatusOf(object);
  const spec = recordAt(object, 'spec');
  const { target, attempts, disruptions, startTime, completionTime } = status;
  const rows: Row[] = [
    ['Run', `${object.metadata.namespace}/${object.metadata.name}`],
    ['Image', textAt(spec, 'image')],
    ['Phase', status.phase],
    ['Reason', status.reason],
    ['Message', status.message],
    ['Progress', completionTime === undefined ? status.progress?.message : undefined],
    ['Exit code', target?.exitCode],
    ['Node', status.nodeName],
    ['Pod', status.podName],
    ['Created', sinceText(textAt(object.metadata, 'creationTimestamp'), now)],
    ['Started', sinceText(startTime, now)],
    ['Ended', sinceText(completionTime, now)],
    ['Took', tookText(startTime, completionTime)],
    ['Attempts', attempts],
    ['Disruptions', disruptions === 0 ? undefined : disruptions],
  ];
  return [
    ...labelled(rows),
    ...conditionLines(object, now),
    ...transferLines(object),
    ...attemptLines(object, now),
    ...resultLines(object),
  ];
}

function setDescription(object: StoredObject, now: number): string[] {
  const status = setStatusOf(object);
  const { items, pass } = status;
  const rows: Row[] = [
    ['Set', `${object.metadata.namespace}/${object.metadata.name}`],
    ['Phase', status.phase],
    ['Message', status.message],
    ['Done', status.summary],
    ['Running', items?.running],
    ['Waiting', items?.waiting],
    ['Failed', items?.failed],
    ['Excluded', items?.excluded],
    ['Gone', items?.gone],
    ...paceRows(status),
    ['Pass', pass?.number],
    ['Started', sinceText(pass?.startTime, now)],
    ['Ended', sinceText(pass?.finishTime, now)],
  ];
  const failures = status.failures ?? [];
  const [{ reason, count } = { reason: '', count: 0 }] = failures;
  const hint = `dockerrun failures ${object.metadata.name}`;
  const more =
    failures.length === 0 ? [] : ['', `Most failures: ${plain(reason)} (${count}); ${hint} shows all`];
  return [...labelled(rows), ...conditionLines(object, now), ...more];
}

function paceRows({ rate, live, report }: DockerRunSetStatus): Row[] {
  return [
    ['Rate', rate === undefined ? undefined : `${Math.round(rate.itemsPerHour)} inputs per hour`],
    ['ETA', rate?.eta],
    ['Pods', live === undefined ? undefined : `${live.chunks} of ${live.target}`],
    ['Report', report === undefined ? undefined : `${report.name} in item ${report.itemId}`],
  ];
}

const labelWidth = 13;

function labelled(rows: readonly Row[]): string[] {
  return rows.flatMap(([label, value]) =>
    value === undefined || value === '' ? [] : [`${label.padEnd(labelWidth)}${plain(String(value))}`],
  );
}

function sinceText(instant: string | undefined, now: number): string | undefined {
  return instant === undefined ? undefined : `${instant} (${ageOf(instant, now)} ago)`;
}

function tookText(from: string | undefined, to: string | undefined): string | undefined {
  const seconds = (Date.parse(to ?? '') - Date.parse(from ?? '')) / 1000;
  return Number.isNaN(seconds) ? undefined : durationText(Math.max(0, Math.round(seconds)));
}

function block(title: string, rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const lines = alignedLines(rows.map((row) => row.map(plain)));
  return ['', `${title}:`, ...lines.map((line) => `  ${line}`)];
}

function conditionLines(object: StoredObject, now: number): string[] {
  const { conditions = [] } = isSet(object) ? setStatusOf(object) : runStatusOf(object);
  const rows = conditions.map(({ type, status, reason, lastTransitionTime }) => [
    type,
    status,
    reason,
    `${ageOf(lastTransitionTime, now)} ago`,
  ]);
  return block('Conditions', rows);
}

function transferLines(object: StoredObject): string[] {
  const { transfers = [] } = runStatusOf(object);
  const rows = transfers.map(({ name, direction, bytes, totalBytes }) => [
    direction,
    name,
    totalBytes === undefined ? bytesText(bytes) : `${bytesText(bytes)} of ${bytesText(totalBytes)}`,
  ]);
  return block('Transfers', rows);
}

function attemptLines(object: StoredObject, now: number): string[] {
  const { attemptHistory = [], attempts = 0 } = runStatusOf(object);
  const first = attempts - attemptHistory.length;
  const rows = attemptHistory.map(({ podName, nodeName, reason, exitCode, startTime }, index) => [
    String(first + index + 1),
    podName,
    nodeName ?? '',
    startTime === undefined ? '' : `${ageOf(startTime, now)} ago`,
    reason ?? '',
    exitCode === undefined ? '' : `exit code ${exitCode}`,
  ]);
  return attempts > 1 ? block('Attempts', rows) : [];
}

function resultLines(object: StoredObject): string[] {
  const { results = [], resultCount = 0 } = runStatusOf(object);
  const apiUrl = textAt(recordAt(recordAt(object, 'spec'), 'girder'), 'apiUrl') ?? '';
  const rows = results.map(({ name, path, size, itemId, url }) => [
    path ?? name,
    bytesText(size),
    url ?? girderPage(apiUrl, `item/${itemId}`) ?? `item ${itemId}`,
  ]);
  const others = resultCount - results.length;
  return [...block('Results', rows), ...(others > 0 ? [`  and ${others} more in Girder`] : [])];
}
