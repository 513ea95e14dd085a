import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { LocalLab } from './support/local-run.ts';

const moreThanAPipeHolds = 4 * 2 ** 20;
let lab: LocalLab;
test.before(async () => {
  lab = await LocalLab.open();
});
test.after(() => lab[Symbol.asyncDispose]());

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${signal} stops the target gracefully, and no container or directory is left`, async () => {
    const script = 'trap "echo bye; exit 0" TERM; echo begun; while :; do sleep 0.1; done';
    const run = lab.start(['run', await lab.file(lab.run({ command: ['sh', '-c', script] }))]);
    await run.prints('begun\n');
    run.child.kill(signal);
    const ended = await run.ended;
    assert.is(ended.code, code, ended.stderr);
    assert.is(ended.stdout.toString(), 'begun\nbye\n');
    assert.match(ended.stderr, `the run was stopped by ${signal}`);
    assert.equal(await lab.left(), []);
  });
}

test('a second Ctrl-C kills a target that ignores SIGTERM, and no container or directory is left', async () => {
  const script = 'trap "" TERM; echo begun; while :; do sleep 0.1; done';
  const file = await lab.file(lab.run({ command: ['sh', '-c', script], terminationGracePeriodSeconds: 150 }));
  const run = lab.start(['run', file]);
  await run.prints('begun\n');
  run.child.kill('SIGINT');
  await run.prints('stopping');
  const began = performance.now();
  run.child.kill('SIGINT');
  const { code, stderr } = await run.ended;
  assert.is(code, 130, stderr);
  const seconds = (performance.now() - began) / 1000;
  assert.ok(seconds < 100, `it took ${seconds} s of the 150 s of grace`);
  assert.equal(await lab.left(), []);
});

/** A server that accepts every request and never answers; `requested` resolves at the first one. */
async function silentServer() {
  const server = createServer();
  const requested = once(server, 'request');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { requested, address: `127.0.0.1:${port}`, [Symbol.dispose]: close };
}

test('Ctrl-C during an image pull ends the command at once', async () => {
  using registry = await silentServer();
  const image = `${registry.address}/slow:1`;
  const run = lab.start(['run', await lab.file(lab.run({ image, imagePullPolicy: 'Always' }))]);
  await registry.requested;
  const begin = Date.now();
  run.child.kill('SIGINT');
  const { code, stderr } = await run.ended;
  assert.is(code, 130, stderr);
  assert.ok(Date.now() - begin < 10_000);
  assert.equal(await lab.left(), []);
});

test('Ctrl-C while Girder does not answer ends the command at once', async () => {
  using girder = await silentServer();
  const spec = {
    transforms: [{ name: 'in', girderFileIdToVolume: { fileId: '0'.repeat(24) } }],
    girder: { apiUrl: `http://${girder.address}/api/v1`, credentialsSecretRef: { name: 'girder' } },
  };
  const run = lab.start(['run', await lab.file(lab.run(spec))], { GIRDER_TOKEN: 'x' });
  await girder.requested;
  const begin = Date.now();
  run.child.kill('SIGINT');
  const { code, stderr } = await run.ended;
  assert.is(code, 130, stderr);
  assert.ok(Date.now() - begin < 10_000);
  assert.equal(await lab.left(), []);
});

test('Ctrl-C while the command reads standard input ends it at once', async () => {
  const run = lab.start(['run', '-']);
  // The write completes only when the command reads standard input.
  await new Promise((resolve) => run.child.stdin?.write('\n'.repeat(moreThanAPipeHolds), resolve));
  run.child.kill('SIGINT');
  assert.is((await run.ended).code, 130);
});

test('a reader that closes the output does not end the run', async () => {
  const script = 'echo begun; sleep 1; yes | head -c 200000; exit 5';
  const run = lab.start(['run', await lab.file(lab.run({ command: ['sh', '-c', script] }))]);
  await run.prints('begun\n');
  run.child.stdout?.destroy();
  run.child.stderr?.destroy();
  assert.is((await run.ended).code, 5);
  assert.equal(await lab.left(), []);
});

test.run();
