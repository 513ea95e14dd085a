import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAction } from '../../../src/ui/server/routes.ts';

const action = { kind: 'runs', namespace: 'lab', name: 'one', uid: 'u-1', action: 'cancel' };

test('an action of the page is accepted as it is', () => {
  assert.equal(parseAction(action), action);
});

for (const [what, change] of [
  ['an unknown action', { action: 'escalate' }],
  ['another kind of object', { kind: 'secrets' }],
  ['a name that leads to another path', { name: '../../secrets/girder' }],
  ['a namespace that leads to another path', { namespace: 'lab/../kube-system' }],
  ['an escaped path', { name: '%2e%2e' }],
  ['a name of 254 characters', { name: 'a'.repeat(254) }],
  ['no uid', { uid: undefined }],
  ['a name that is no text', { name: ['one'] }],
] as const) {
  test(`${what} is refused`, () => assert.is(parseAction({ ...action, ...change }), undefined));
}

test('what is no object is refused', () => {
  for (const value of [undefined, null, 'cancel', 4, [action]]) assert.is(parseAction(value), undefined);
});

test.run();
