import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { interruptionReason, mustList, UnreadableError } from '../../../src/kube/watch.ts';
import { KubeError } from '../../../src/kube/kube-error.ts';
import { StalledError } from '../../../src/support/watchdog.ts';

const unanswered = (cause: unknown) => new KubeError('no answer', { status: 0, cause });
const systemError = (code: string) => Object.assign(new Error(code), { code });

test('why a list or a watch ended is one of few words', () => {
  const reasons: [unknown, string][] = [
    [undefined, 'closed'],
    [new StalledError('no byte'), 'silence'],
    [unanswered(new StalledError('no answer')), 'silence'],
    [systemError('ECONNRESET'), 'reset'],
    [unanswered(systemError('EPIPE')), 'reset'],
    [systemError('ECONNREFUSED'), 'refused'],
    [unanswered(systemError('ENOTFOUND')), 'refused'],
    [new KubeError('gone', { status: 410 }), 'expired'],
    [new KubeError('busy', { status: 429 }), 'throttled'],
    [new KubeError('broken', { status: 500 }), 'refused'],
    [new KubeError('forbidden', { status: 403 }), 'refused'],
    [new UnreadableError('no event'), 'unreadable'],
    [unanswered(new SyntaxError('cut')), 'unreadable'],
    [new TypeError('not a list'), 'unreadable'],
    ['whatever', 'refused'],
  ];
  for (const [error, reason] of reasons) assert.is(interruptionReason(error), reason, String(error));
});

test('only what a watch cannot get past makes a list', () => {
  assert.ok(mustList('expired', 0));
  for (const reason of ['silence', 'unreadable'] as const) {
    assert.not.ok(mustList(reason, 1));
    assert.ok(mustList(reason, 2));
  }
  for (const reason of ['closed', 'reset', 'throttled', 'refused'] as const)
    assert.not.ok(mustList(reason, 9));
});

test.run();
