import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ask } from '../girder/real-girder.ts';
import { PlannedSet } from './planned-set.ts';

/** What people see in Girder, and ask for there. */

test('the metadata of the results folder shows how far the set is, and keeps what people put there', async () => {
  await using set = await PlannedSet.make();
  await set.setNotice({ pause: true, retry: 'x', note: 'ours' });
  await set.scratch.item('a', [['f', 'x']], set.sourceId);
  const first = await set.pass();
  assert.is(first.report.pause, true);
  assert.is(first.report.retry, 'x');
  const notice = await set.notice();
  const { set: owner, phase, done, failed, total, pause, retry, note } = notice;
  assert.equal(
    { owner, phase, done, failed, total, pause, retry, note },
    {
      owner: 'pathology/nuclei',
      phase: 'Done',
      done: 0,
      failed: 0,
      total: 1,
      pause: true,
      retry: 'x',
      note: 'ours',
    },
  );
  assert.match(String(notice['message']), /^Pass 1 is complete: 1 inputs had to run/);
  assert.ok(Math.abs(Date.parse(String(notice['at'])) - Date.now()) < 60_000);
});

test('a new retry value in the metadata tries again what failed for good, once', async () => {
  await using set = await PlannedSet.make();
  await set.scratch.item('a', [['f', 'x']], set.sourceId);
  await set.work((await set.pass()).offered, { fails: { a: { reason: 'TargetFailed' } } });
  assert.equal((await set.pass()).why, {});
  await set.setNotice({ ...(await set.notice()), retry: 'again' });
  const asked = await set.pass();
  assert.equal([asked.why, asked.report.retry], [{ a: 'retried' }, 'again']);
  assert.equal((await set.pass({}, { retryInGirder: 'again' })).why, {});
});

test('values of another kind in the metadata are ignored', async () => {
  await using set = await PlannedSet.make();
  await set.setNotice({ pause: 'yes', retry: { a: 1 }, passStartedAt: 5, verifiedAt: 'x'.repeat(1_000) });
  await set.scratch.item('a', [['f', 'x']], set.sourceId);
  const { report, why } = await set.pass();
  assert.equal([report.pause, report.retry, why], [false, undefined, { a: 'new' }]);
});

test('a dry run says what would run and why, and changes nothing', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const ids: string[] = [];
  for (const name of ['a', 'b', 'c']) ids.push(await scratch.item(name, [['f', name]], sourceId));
  await set.work((await set.pass()).offered, { fails: { c: { reason: 'TargetFailed' } } });
  const last = (await set.notice())['passStartedAt'];
  await ask(scratch.admin, 'PUT', ['item', ids[0] ?? ''], { name: 'renamed' });
  await ask(scratch.admin, 'DELETE', ['item', ids[1] ?? '']);
  await scratch.item('d', [['f', 'd']], await scratch.folder('sub', sourceId));
  const before = await set.tree();
  const watch = { every: '1s', verifyEvery: '1s' };
  const results = { whenInputIsGone: 'Delete' } as const;
  const dry = await set.pass({ dryRun: true, watch, results }, { retryFailed: true });
  assert.is(dry.offered.length, 0);
  assert.equal([dry.report.state, dry.report.counts.todo, dry.report.counts.gone], ['Done', 3, 1]);
  assert.equal([dry.report.why.new, dry.report.why.retried], [2, 1]);
  const lines = await set.csv(dry);
  assert.match(lines.join('\n'), /^sub\/d,[0-9a-f]{24},todo,new,/m);
  assert.match(lines.join('\n'), /its input has moved; it would move to renamed/);
  assert.equal(await set.tree(), before);
  assert.is((await set.notice())['passStartedAt'], last);
  const real = await set.pass({ watch, results }, { retryFailed: true });
  assert.equal(real.why, { c: 'retried', d: 'new' });
});

test('twenty reports are kept, and files of others with them', async () => {
  await using set = await PlannedSet.make();
  await set.scratch.item('a', [['f', 'x']], set.sourceId);
  let last = await set.pass();
  await set.scratch.file(last.report.report?.itemId ?? '', 'notes.txt', 'mine');
  for (let pass = 0; pass < 21; pass += 1) last = await set.pass({ dryRun: true });
  const files = (await ask(set.scratch.admin, 'GET', ['item', last.report.report?.itemId ?? '', 'files'], {
    limit: 0,
  })) as { name: string }[];
  const names = files.map(({ name }) => name).toSorted();
  assert.equal(
    [names.length, names[0], names.at(-2), names.at(-1)],
    [21, 'notes.txt', 'report-0021.csv', 'report-0022.csv'],
  );
});

test.run();
