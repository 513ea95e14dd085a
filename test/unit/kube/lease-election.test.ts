import { Agent } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Connection } from '../../../src/kube/connection.ts';
import { leaseTiming } from '../../../src/kube/lease.ts';
import { ServerClock } from '../../../src/kube/connection.ts';
import { Term } from '../../../src/kube/lease-election.ts';
import { aborted } from '../../../src/support/abort.ts';

const timing = { ...leaseTiming, renewDeadlineMs: 500 };

const connection: Connection = {
  server: new URL('http://127.0.0.1:1'),
  agent: new Agent(),
  authenticate: async () => ({ authorization: 'Bearer t' }),
  namespace: 'default',
  clock: new ServerClock(),
};

/** Node's timers count whole milliseconds by their own clock, and may fire this much too early. */
const earlyMs = 5;

/** Blocks the event loop so that no timer runs, as in a paused process. */
function block(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** Waits for the end of a term, whose own timer does not keep the process alive. */
async function ended(term: Term): Promise<void> {
  const keepAlive = setTimeout(() => term.end('timeout of the test'), 5_000);
  await aborted(term.signal);
  clearTimeout(keepAlive);
}

test('a term without a renewal ends by itself', async () => {
  const start = performance.now();
  const term = new Term(timing, start);
  await ended(term);
  assert.ok(performance.now() - start >= 500 - earlyMs);
  assert.match(String(term.signal.reason), /TermOverError: the lease was not renewed for 0.5 s/);
});

test('a renewal counts from when it was sent', async () => {
  const start = performance.now();
  // On a busy machine the block may take longer, and the renewal must still be in time.
  const term = new Term({ ...timing, renewDeadlineMs: 2_000 }, start);
  block(300);
  term.renewed(start + 250);
  await ended(term);
  const lasted = performance.now() - start;
  assert.ok(lasted >= 2_250 - earlyMs, String(lasted));
});

test('after a pause of the process no request is sent, even before its timers have run', async () => {
  const term = new Term(timing, performance.now());
  const fenced = term.fence(connection);
  assert.equal(await fenced.authenticate(), { authorization: 'Bearer t' });
  block(600);
  assert.not(term.signal.aborted);
  const refused = await fenced.authenticate().catch((error: unknown) => error);
  assert.match(String(refused), /TermOverError/);
  assert.ok(term.signal.aborted);
});

test('a late renewal does not revive a term', () => {
  const term = new Term(timing, performance.now());
  block(600);
  assert.throws(() => term.renewed(performance.now()), /not renewed/);
  assert.ok(term.signal.aborted);
});

test('a term without a lease ends only when it is ended', async () => {
  const term = Term.endless();
  assert.is((await term.fence(connection).authenticate())['authorization'], 'Bearer t');
  term.end('the test is over');
  assert.match(
    String(
      await term
        .fence(connection)
        .authenticate()
        .catch((error: unknown) => error),
    ),
    /test is over/,
  );
});

test.run();
