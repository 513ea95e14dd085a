import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { askWorkerOver } from '../../../src/controller/observe/worker-reports.ts';
import { Child } from '../../fixtures/child-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { until } from '../../fixtures/until.ts';

/** Anybody in the cluster opens connections to the port of a worker, which has 256 MiB for all that it does. */
type World = { stack: DisposableStack; port: number; pid: number };
const test = suite<World>('flood of the report port');
const podUid = '0b9ad1c6-8f7f-4f0e-9d5c-3c0f6f1f2a3b';
const module = join(import.meta.dirname, '../../../src/worker/report-server.ts');

test.before(async (world) => {
  world.stack = new DisposableStack();
  const [port = 0] = await freePorts(1);
  world.port = port;
  const { path } = world.stack.use(new ScratchDirectory('dockerrun-flood'));
  const report = `{ phase: 'Uploading', transfers: Array.from({ length: 400 }, (_, i) => ({ name: 'n'.repeat(200) + i, direction: 'upload', bytes: i })) }`;
  const script = `import { serveProgress } from ${JSON.stringify(module)};
    serveProgress({ port: ${port}, podUid: '${podUid}', report: () => (${report}) });
    console.log('pid', process.pid);
    setInterval(() => undefined, 1_000);`;
  const args = ['--max-old-space-size=96', '--max-semi-space-size=1', '--input-type=module', '-e', script];
  const child = new Child(process.execPath, args, { logFile: join(path, 'log') });
  world.stack.defer(() => void child.kill());
  world.pid = await until('the server has started', () => Number(/pid (\d+)/.exec(child.log)?.[1] ?? 0));
  await until('the server answers', () => ask(world));
});
test.after(({ stack }) => stack.dispose());

const ask = ({ port }: World) =>
  askWorkerOver(port)({ podIP: '127.0.0.1', uid: podUid }, AbortSignal.timeout(1_000));

function residentMiB({ pid }: World): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** Opens connections, 200 at once, that send this and then nothing, and read nothing. */
async function flood({ port }: World, count: number, text: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = Array.from({ length: 200 }, () => connect(port, '127.0.0.1').pause());
    for (const socket of some) socket.on('error', () => undefined).write(text);
    await Promise.all(some.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])));
    sockets.push(...some);
  }
  return sockets;
}

for (const [what, text] of [
  ['say nothing', ''],
  ['never end their headers', 'GET / HTTP/1.1\r\nX: '],
  ['ask without the uid of the pod', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['know the uid of the pod, and do not read', `GET /${podUid} HTTP/1.1\r\nHost: x\r\n\r\n`],
] as const) {
  test(`five thousand connections that ${what} cost a worker little memory, and the controller is answered`, async (world) => {
    const before = residentMiB(world);
    const sockets = await flood(world, 5_000, text);
    await until('the controller is answered', () => ask(world));
    const more = residentMiB(world) - before;
    console.log(`${what}: ${before.toFixed(0)} MiB, ${more.toFixed(1)} MiB more`);
    for (const socket of sockets) socket.destroy();
    assert.ok(more < 48, `${more} MiB more`);
  });
}

test('only who knows the uid of the pod gets the report', async (world) => {
  for (const path of ['/', '/report', `/${podUid}/`, `/${podUid.toUpperCase()}`, `/${podUid}?x`]) {
    const response = await fetch(`http://127.0.0.1:${world.port}${path}`);
    assert.equal([response.status, await response.text()], [404, '']);
  }
});

test.run();
