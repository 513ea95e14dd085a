import { pino } from 'pino';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openGirder } from '../../../src/girder/open-girder.ts';
import { LivePlan } from '../../../src/planner/live-plan.ts';
import { surveySource } from '../../../src/planner/survey.ts';
import { ask, girderEnvironment } from '../girder/real-girder.ts';
import { PlannedSet } from './planned-set.ts';

/** What `dockerrun run set.yaml` finds in a real Girder before it runs the first inputs. */

const never = new AbortController().signal;

async function survey(set: PlannedSet, spec: Parameters<PlannedSet['plan']>[0] = {}) {
  const plan = set.plan(spec);
  const { apiKey } = girderEnvironment();
  const client = await openGirder({
    apiUrl: plan.spec.girder.apiUrl,
    credentials: { apiKey },
    signal: never,
  });
  const live = new LivePlan();
  const log = pino({ level: 'silent' });
  const found = await surveySource({ plan, client, live, limit: 3, log, signal: never });
  await client.close();
  const { done, todo } = live.counts;
  return { done, todo, why: Object.fromEntries(found.map(({ path, why }) => [path, why])) };
}

test('inputs that have moved are not new, and their results stay for the next pass to move', async () => {
  await using set = await PlannedSet.make();
  const { scratch, sourceId } = set;
  const [from, to] = [await scratch.folder('from', sourceId), await scratch.folder('to', sourceId)];
  const moved = await scratch.item('a', [['f', 'a']], from);
  await scratch.item('b', [['f', 'b']], from);
  await set.pass({}, {}, (offered) => set.work(offered));
  await ask(scratch.admin, 'PUT', ['item', moved], { folderId: to });
  await scratch.item('c', [['f', 'c']], to);
  const before = await set.tree();
  assert.equal(await survey(set), { done: 2, todo: 1, why: { 'to/c': 'new' } });
  assert.equal(await set.tree(), before);
  const usesPath = await survey(set, { args: ['$(item.path)', '$(item)'] });
  assert.equal([usesPath.done, usesPath.todo], [0, 3], 'with a template that uses the path, they run again');
  assert.not.ok('to/a' in usesPath.why, 'but not before a pass has moved the result');
});

test.run();
