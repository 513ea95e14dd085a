import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { runContainer } from '../../../src/docker/run-container.ts';
import {
  collector,
  containerOf,
  engineUnderTest,
  leftContainers,
  never,
  run,
  followedInto,
} from './engine-under-test.ts';

const engine = await engineUnderTest();
const mebibyte = 1024 * 1024;

/** Counts and hashes what it receives, `delay` milliseconds after each write. */
function slowSink(delay: (bytes: number, soFar: number) => number): { sink: Writable; count: () => number } {
  let count = 0;
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      count += chunk.length;
      const wait = delay(chunk.length, count);
      if (wait < 1) done();
      else setTimeout(done, wait);
    },
  });
  return { sink, count: () => count };
}

test('a short-lived container loses neither its exit nor any byte of output in 200 runs in a row', async () => {
  for (let i = 0; i < 200; i += 1) {
    const { outcome, stdout, stderr } = await run(engine, ['sh', '-c', `echo out ${i}; echo err ${i} >&2`]);
    assert.is(outcome.exitCode, 0);
    assert.is(stdout, `out ${i}\n`);
    assert.is(stderr, `err ${i}\n`);
    assert.ok(outcome.outputComplete);
  }
});

test('50 MiB of random bytes arrive on both outputs at once, byte for byte', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'dockerrun-output-'));
  const stdout = createWriteStream(join(directory, 'stdout.seen'));
  const stderr = createWriteStream(join(directory, 'stderr.seen'));
  try {
    const script = `
      dd if=/dev/urandom bs=64k count=800 2>/dev/null | tee /x/stdout &
      dd if=/dev/urandom bs=64k count=800 2>/dev/null | tee /x/stderr >&2; wait`;
    const mounts = [{ type: 'bind', source: directory, target: '/x', readOnly: false } as const];
    const outcome = await runContainer(
      { engine, signal: never },
      containerOf(['sh', '-c', script], { mounts }),
      followedInto(stdout, stderr),
    );
    assert.is(outcome.exitCode, 0);
    assert.ok(outcome.outputComplete);
    for (const name of ['stdout', 'stderr']) {
      const [wrote, saw] = await Promise.all(
        [join(directory, name), join(directory, `${name}.seen`)].map(digest),
      );
      assert.is(saw, wrote, name);
    }
  } finally {
    stdout.destroy();
    stderr.destroy();
    await rm(directory, { recursive: true });
  }
});

async function digest(path: string): Promise<string> {
  const content = await readFile(path);
  return `${content.length} ${createHash('sha256').update(content).digest('hex')}`;
}

test('the first and the last line arrive however short or long the output is', async () => {
  for (const lines of [1, 2, 1_000, 100_000]) {
    const { stdout } = await run(engine, ['sh', '-c', `seq ${lines}; echo end >&2`]);
    const seen = stdout.trimEnd().split('\n');
    assert.is(seen.length, lines);
    assert.is(seen[0], '1');
    assert.is(seen.at(-1), String(lines));
  }
});

test('a target that prints nothing has an empty, complete output', async () => {
  const { outcome, stdout, stderr } = await run(engine, ['true']);
  assert.is(stdout + stderr, '');
  assert.ok(outcome.outputComplete);
});

test('a slow sink slows the target down instead of filling memory', async () => {
  const before = process.memoryUsage.rss();
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 50);
  const begin = Date.now();
  const slow = slowSink((bytes) => (Date.now() - begin < 5_000 ? bytes / 5_000 : 0));
  try {
    const script = 'dd if=/dev/zero bs=64k count=4800 2>/dev/null';
    const outcome = await runContainer(
      { engine, signal: never },
      containerOf(['sh', '-c', script]),
      followedInto(slow.sink, slow.sink),
    );
    assert.is(slow.count(), 300 * mebibyte);
    assert.ok(outcome.outputComplete);
    assert.ok(Date.now() - begin > 4_500);
    assert.ok(peak - before < 100 * mebibyte, `RSS grew by ${Math.round((peak - before) / mebibyte)} MiB`);
  } finally {
    clearInterval(watch);
  }
});

for (const [mib, what] of [
  [1, 'fits into'],
  [1.5, 'just fills'],
  [4, 'is more than'],
] as const) {
  test(`output that ${what} the engine's buffers survives a sink that stalls during the exit`, async () => {
    const stalled = slowSink((bytes, soFar) => (bytes === soFar ? 6_000 : 0));
    const script = `dd if=/dev/zero bs=64k count=${mib * 16} 2>/dev/null`;
    const outcome = await runContainer(
      { engine, signal: never },
      containerOf(['sh', '-c', script]),
      followedInto(stalled.sink, stalled.sink),
    );
    assert.is(stalled.count(), mib * mebibyte);
    assert.ok(outcome.outputComplete);
  });
}

test('a sink that breaks loses only its own bytes, and neither the run nor the other output fails', async () => {
  const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no space left')) });
  const stderr = collector();
  const outcome = await runContainer(
    { engine, signal: never },
    containerOf(['sh', '-c', 'for i in 1 2 3; do echo out; sleep 0.1; done; echo err >&2; exit 7']),
    followedInto(broken, stderr.sink),
  );
  assert.is(outcome.exitCode, 7);
  assert.is(stderr.text(), 'err\n');
  assert.not(outcome.outputComplete);
});

test('a process left behind with stdout open ends with the container and delays nothing', async () => {
  const begin = Date.now();
  const { outcome, stdout } = await run(engine, ['sh', '-c', 'sleep 600 & echo started; exit 0']);
  assert.is(outcome.exitCode, 0);
  assert.is(stdout, 'started\n');
  assert.ok(Date.now() - begin < 30_000);
});

test('a target that closes its outputs early is still followed until it exits', async () => {
  const { outcome, stdout } = await run(engine, ['sh', '-c', 'echo bye; exec >&- 2>&-; sleep 3; exit 4']);
  assert.is(stdout, 'bye\n');
  assert.is(outcome.exitCode, 4);
});

test("the target's stdin is empty, so that no target waits for input", async () => {
  const { outcome, stdout } = await run(engine, ['sh', '-c', 'cat; echo done']);
  assert.is(stdout, 'done\n');
  assert.is(outcome.exitCode, 0);
});

test('environment, arguments and entrypoint reach the target unchanged, and secrets are not in a URL', async () => {
  const odd = `a"b'c $(x) \\ ü\n&=?`;
  const { stdout } = await run(engine, ['sh', '-c', 'printf "%s|" "$ODD" "$@"', 'sh'], {
    container: { args: [odd, ''], env: [`ODD=${odd}`, `LONG=${'x'.repeat(100_000)}`] },
  });
  assert.is(stdout, `${odd}|${odd}||`);
});

test.after(async () => {
  assert.equal(await leftContainers(engine), []);
});

test.run();
