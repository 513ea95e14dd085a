import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { translate } from '../../../src/bridge/translate/translation.ts';
import { captureTime, refusalOf, runOf, settings, specOf, taskMessage } from './task-messages.ts';

const outcomeOf = (fields: object) =>
  translate({ ...taskMessage({ kwargs: { image: 'a' } }), ...fields }, settings, captureTime);

test('the time limit of a task is that of its target, rather the hard one than the soft one', () => {
  const limit = (timelimit: unknown) => specOf({}, { headers: { timelimit } })['activeDeadlineSeconds'];
  assert.equal(
    [limit([100, 90]), limit([null, 90]), limit([0.5, null]), limit([null, null])],
    [100, 90, 1, undefined],
  );
});

test('the priority of a message has no effect', () => {
  assert.equal(outcomeOf({ priority: 9 }), outcomeOf({ priority: undefined }));
});

test('settings for the session of Girder Worker have no effect, and the log says what to do', () => {
  const { notes } = runOf({}, { headers: { girder_client_session_kwargs: { verify: false } } });
  assert.match(
    notes.join(),
    /certificates are always checked; an administrator can add one to worker\.caBundle/,
  );
  assert.equal(runOf({}, { headers: { girder_client_session_kwargs: {} } }).notes, []);
});

const at = (seconds: number) => new Date(captureTime + seconds * 1000).toISOString();

test('a task with an eta waits for it, and one with an end has to start before it', () => {
  const { notBefore, run } = runOf({}, { headers: { eta: at(60), expires: at(660) } });
  assert.is(notBefore, captureTime + 60_000);
  assert.is(run.spec['startDeadlineSeconds'], 600);
  assert.is(runOf({}, { headers: { eta: at(-60) } }).notBefore, undefined);
  assert.is(runOf({}, { headers: { eta: '2026-11-28T18:00:00.5' } }).notBefore, captureTime + 3_600_500);
  assert.is(
    runOf({}, { headers: { eta: '2026-11-28T19:00:00.123456+01:00' } }).notBefore,
    captureTime + 3_600_123,
  );
});

test('a task that has expired, or expires before it may start, is refused', () => {
  assert.match(
    refusalOf({}, { headers: { expires: at(-1) } }),
    /had to start before 2026-11-28T16:59:59.000Z/,
  );
  assert.match(refusalOf({}, { headers: { expires: captureTime / 1000 } }), /had to start before/);
  assert.match(refusalOf({}, { headers: { expires: at(1), eta: at(2) } }), /start only after it has expired/);
  assert.match(refusalOf({}, { headers: { eta: 'tomorrow' } }), /its time eta is not a time/);
});

test('headers without a task are refused', () => {
  for (const headers of [undefined, null, {}, [], { task: 5 }, 'x'])
    assert.match(JSON.stringify(outcomeOf({ headers })), /"kind":"Refused".*no name of a task/);
});

test('a task with an id of its own gets a name that an object can have, and equal ids one name', () => {
  const nameOf = (id: string) => runOf({}, { headers: { id } }).run.metadata.name;
  assert.match(nameOf('My Task: 1'), /^girder-my-task-1-[0-9a-f]{16}$/);
  assert.match(nameOf('日本'), /^girder-[0-9a-f]{16}$/);
  assert.is(nameOf('a'.repeat(200)), nameOf('a'.repeat(200)));
  assert.is.not(nameOf('A'), nameOf('a'));
});

test.run();
