import { Agent } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Connection } from '../../../src/kube/connection.ts';
import { leaseTiming } from '../../../src/kube/lease.ts';
import { Term } from '../../../src/kube/lease-election.ts';
import { aborted } from '../../../src/support/abort.ts';

const timing = { ...leaseTiming, renewDeadlineMs: 500 };

const connection: Connection = {
  server: new URL('http://127.0.0.1:1'),
  agent: new Agent(),
  authenticate: async () => ({ authorization: 'Bearer t' }),
  namespace: 'default',
};

/** Timers of Node count whole milliseconds by a clock of their own, and may ring that much before their time. */
const early = 5;

/** Keeps the processor, so that no timer runs: as a process that stood still sees it. */
function standStill(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/** Waits for the end of a term; its own timer does not keep a process alive. */
async function over(term: Term): Promise<void> {
  const alive = setTimeout(() => term.end('the test waits no longer'), 5_000);
  await aborted(term.signal);
  clearTimeout(alive);
}

test('a term that is not renewed ends by itself', async () => {
  const start = performance.now();
  const term = new Term(timing, start);
  await over(term);
  assert.ok(performance.now() - start >= 500 - early);
  assert.match(String(term.signal.reason), /TermOverError: the lease was not renewed for 0.5 s/);
});

test('a renewal counts from when it was sent', async () => {
  const start = performance.now();
  // A busy machine may let it stand still for longer, and the renewal must be in time.
  const term = new Term({ ...timing, renewDeadlineMs: 2_000 }, start);
  standStill(300);
  term.renewed(start + 250);
  await over(term);
  const lasted = performance.now() - start;
  assert.ok(lasted >= 2_250 - early, String(lasted));
});

test('a process that stood still sends nothing, though its timers have not run yet', async () => {
  const term = new Term(timing, performance.now());
  const fenced = term.fence(connection);
  assert.equal(await fenced.authenticate(), { authorization: 'Bearer t' });
  standStill(600);
  assert.not(term.signal.aborted);
  const refused = await fenced.authenticate().catch((error: unknown) => error);
  assert.match(String(refused), /TermOverError/);
  assert.ok(term.signal.aborted);
});

test('a renewal that comes too late does not bring a term back', () => {
  const term = new Term(timing, performance.now());
  standStill(600);
  assert.throws(() => term.renewed(performance.now()), /not renewed/);
  assert.ok(term.signal.aborted);
});

test('a term without a lease ends only when it is told to', async () => {
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
