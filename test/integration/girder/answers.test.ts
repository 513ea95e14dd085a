import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { downloadFile } from '../../../src/girder/download/download.ts';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { useEgress } from '../../../src/support/egress.ts';
import { RunError } from '../../../src/support/errors.ts';
import { readPage } from '../../unit/structure/pages.ts';
import { answerRows, outageMs, type Patience, type Row } from './answer-rows.ts';
import { GirderGate } from './girder-gate.ts';
import { girderEnvironment, Scratch } from './real-girder.ts';

const never = new AbortController().signal;
const { apiUrl, apiKey } = girderEnvironment();

/** Until the failure, in milliseconds: generous, since the machine may be busy; the waits show whether it was retried. */
const longestMs = 45_000;

/** What a run saw: how long it took, the failure if there was one, and what it waited for. */
type Seen = { readonly tookMs: number; readonly failure?: RunError; readonly waits: readonly string[] };

async function see(row: Row): Promise<Seen> {
  await using stack = new AsyncDisposableStack();
  const scratch = stack.use(await Scratch.make());
  const { path } = await scratch.randomFile('data', 10);
  const { fileId } = await scratch.upload(path, 'data');
  const gate = stack.use(await GirderGate.start(apiUrl));
  const { fault, act, credentials = { apiKey } } = row;
  const url = 'url' in fault ? await fault.url(stack) : gate.url;
  const waits: string[] = [];
  const onWait = (why: string | undefined) => void (why !== undefined && waits.push(why));
  const options = { apiUrl: url, credentials, signal: never, patienceMs: 3_600_000, onWait };
  const connect = async () => stack.adopt(await openGirder(options), (client) => client.close());
  const client = act === undefined ? undefined : await connect();
  if (client !== undefined && act === 'upload') client.atRisk = 'results';
  const work = async () => {
    if (client === undefined) await connect();
    else if (act === 'upload') await scratch.upload(path, 'new', client);
    else await downloadFile(client, { fileId, into: scratch.directory }, { signal: never });
  };
  const start = performance.now();
  if (!('url' in fault))
    gate.setFault('made' in fault ? await fault.made(stack) : fault, parts[act ?? 'connect']);
  if (row.fails === 'it waits') setTimeout(() => gate.setFault(undefined), outageMs);
  const failure: unknown = await work().then(
    () => undefined,
    (error: unknown) => error,
  );
  const tookMs = performance.now() - start;
  gate.setFault(undefined);
  assert.ok(failure === undefined || failure instanceof RunError, `not a RunError: ${String(failure)}`);
  return { tookMs, waits, ...(failure instanceof RunError ? { failure } : {}) };
}

/** The requests that have the fault. */
const parts = { connect: '', download: '/download', upload: '/file' } as const;

/** The column of the page. */
const retries = {
  'at once': 'no',
  'after 5 s': '5 s',
  'after 8 s': '8 s',
  'after 10 s': '10 s, or 90 s',
  'it waits': 'until `startDeadlineSeconds`',
} as const satisfies Record<Patience, string>;

const seen = new Map<Row, Promise<Seen>>();

test.before(() => {
  // All at once: most of the time they wait.
  for (const row of answerRows) {
    const one = see(row);
    one.catch(() => undefined);
    seen.set(row, one);
  }
});
test.after(() => useEgress({}));

for (const row of answerRows) {
  const { kind, fails, reason = 'GirderUnavailable', names } = row;
  test(`${kind}: ${fails === 'it waits' ? 'it is waited for' : `${reason} ${fails}`}`, async () => {
    const { tookMs, failure, waits } = (await seen.get(row)) ?? { tookMs: 0, waits: [] };
    if (fails === 'it waits') {
      assert.is(failure, undefined, failure?.message);
      assert.ok(tookMs > outageMs * 0.9, `it took ${tookMs} ms`);
      assert.ok(
        waits.length > 1 &&
          waits.every((why) => /^Waiting for Girder( at \S+)? \(tried (once|\d+ times)\): /.test(why)),
      );
      assert.ok(
        waits.some((why) => names.test(why)),
        waits.join('\n'),
      );
      return;
    }
    assert.is(failure?.reason, reason, failure?.message);
    assert.match(failure?.message ?? '', names);
    assert.not.match(failure?.message ?? '', 'secret');
    assert.is(waits.length > 0, fails !== 'at once', waits.join('\n'));
    assert.ok(tookMs < longestMs, `it took ${tookMs} ms`);
  });
}

test('docs/field-cases.md has a row for each of these answers', () => {
  const listed = readPage('docs/field-cases.md').rows.filter(([, , retried]) =>
    Object.values<string | undefined>(retries).includes(retried),
  );
  const expected = answerRows.map(({ kind, fails, reason = 'GirderUnavailable' }) => {
    return [kind, fails === 'it waits' ? 'waited for' : `\`${reason}\``, retries[fails]];
  });
  assert.equal(listed, expected);
});

test.run();
