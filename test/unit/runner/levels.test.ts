import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesOf, isIn, type Level, levelNamed, levelNames, sharesOf } from '../../runner/levels.ts';

const levels = levelNames.map(levelNamed).filter((level) => level !== undefined);
const [, integration, e2e] = levels as [Level, Level, Level];

test('every file of some levels runs once, whichever levels they are', () => {
  for (const wanted of [[integration], [e2e], [integration, e2e], levels]) {
    const run = sharesOf(wanted).flatMap(({ own, guests }) => [...own, ...guests]);
    assert.equal(run.toSorted(), wanted.flatMap(filesOf).toSorted());
  }
});

test('a guest runs in the level that it disturbs least, and in its own level when the other does not run', () => {
  const guest = 'test/e2e/disruptions.test.ts';
  const [host, own] = sharesOf([integration, e2e]);
  assert.ok(host?.guests.includes(guest));
  assert.not.ok(own?.own.includes(guest));
  const [only] = sharesOf([e2e]);
  assert.ok(only?.own.includes(guest));
});

test('each guest is a file that must run alone in its own level', () => {
  for (const { alone, guests } of levels)
    assert.ok((guests?.files ?? []).every((end) => alone.includes(end)));
});

test('each name in the lists of a level is that of one file', () => {
  for (const level of levels)
    for (const end of [...level.alone, ...level.first])
      assert.is(filesOf(level).filter((file) => isIn([end], file)).length, 1, `${level.name}: ${end}`);
});

test.run();
