import { symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import * as assert from 'uvu/assert';
import { exitCodeOf } from '../../../src/api/run-plan.ts';
import { paths } from '../../../src/kube/paths.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { until } from '../../fixtures/until.ts';
import { Commands } from '../support/commands.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { environment } from '../support/environment.ts';
import { anItem } from '../support/girder.ts';
import { applyWithJob, girderOf } from '../support/job-run.ts';
import { Lab, untilReleased } from '../support/runs.ts';
import { execute } from '../support/shell.ts';

/** Every verb of `dockerrun` for runs, with the program as the image has it. */

const test = concurrentTest();
let lab: Lab;
let commands: Commands;

test.before(async () => {
  lab = await Lab.open('run-commands');
  commands = new Commands(lab.namespace);
});
test.after(async () => {
  commands[Symbol.dispose]();
  await lab.close();
});

const ending = { command: ['sh', '-c', 'echo "hello $0"; exit $1'], args: ['world', '0'] };

test('submit --wait returns the exit code of the target; get, list and logs show the run', async () => {
  const file = await commands.file('first', ending);
  const { code, stdout } = await commands.run('submit', file, '--set', 'args[1]=3', '--wait');
  assert.is(code, 3);
  assert.match(stdout, /^run\/first created\nrun\/first Failed: The target ended with exit code 3/);
  assert.match(await commands.succeed('get', 'first'), /^Exit code {4}3$/m);
  assert.match(await commands.succeed('list', '--phase', 'Failed'), /^first +Failed .* 3 +\S+s$/m);
  assert.is(await commands.succeed('logs', 'first'), 'hello world\n');
  assert.is(await commands.succeed('logs', '-f', 'first', '--tail', '1'), 'hello world\n');
});

test('retry makes a new run with the same spec, and wait returns its exit code', async () => {
  await lab.run('tried', { ...ending, args: ['again', '4'] });
  await lab.ended('tried');
  const { code, stdout } = await commands.run('retry', 'tried', '--wait');
  assert.is(code, 4);
  const [, name = ''] = /^run\/(tried-\w{5}) created\n/.exec(stdout) ?? [];
  assert.is(await commands.succeed('logs', name), 'hello again\n');
  assert.is(
    await commands.succeed('list', '-l', 'dockerrun.dev/retry-of=tried', '-o', 'name'),
    `dockerrun.dockerrun.dev/${name}\n`,
  );
});

test('watch ends by itself, with a line for each change', async () => {
  const file = await commands.file('watched', { command: ['true'] });
  const watch = commands.start('submit', file, '--watch');
  const { code, stdout, stderr } = await watch.ended;
  assert.equal([code, stderr], [0, '']);
  const lines = stdout.trim().split('\n').slice(1);
  assert.ok(
    lines.every((line) => /^\d{4}-\d\d-\d\dT[\d:]{8}Z run\/watched \w+/.test(line)),
    stdout,
  );
  assert.match(lines.at(-1) ?? '', 'run/watched Succeeded');
});

test('watch on a terminal draws a table that fits into 80 columns', async () => {
  const name = `name-${'x'.repeat(100)}`;
  await lab.run(name, { command: ['true'] });
  const { code, screen } = await commands.onTerminal('watch', name);
  assert.is(code, 0);
  assert.ok(screen.includes('\u001b[32mSucceeded\u001b[39m'), screen);
  const lines = stripVTControlCharacters(screen).split(/\r?\n/);
  assert.equal(
    lines.filter((line) => line.length > 80),
    [],
  );
});

test('suspend, resume and cancel do to a run what their names say', async () => {
  await lab.run('held', { command: ['sh', '-c', `trap "exit 0" TERM; ${untilReleased}`] });
  const first = await lab.running('held');
  await commands.succeed('suspend', 'held');
  await lab.until('held', 'is suspended', { holds: ({ status }) => status.phase === 'Suspended' });
  await commands.succeed('resume', 'held');
  await lab.running('held', first);
  await commands.succeed('cancel', 'held');
  const { code, stdout } = await commands.run('wait', 'held', '--timeout', '90s');
  assert.is(code, exitCodeOf('Cancelled'));
  assert.match(stdout, /^run\/held Cancelled/);
});

test('logs --follow prints while the target runs, until it has ended', async () => {
  const file = await commands.file('followed', {
    command: ['sh', '-c', `echo begin; ${untilReleased}; echo end`],
  });
  await commands.succeed('submit', file);
  const logs = commands.start('logs', '-f', 'followed');
  await logs.prints('begin\n');
  await lab.release('followed');
  const { code, stdout, stderr } = await logs.ended;
  assert.equal([code, stdout], [0, 'begin\nend\n'], stderr);
  assert.match(stderr, /^(dockerrun: run\/followed has no log yet \(.+\n)*$/);
});

test('logs of an earlier attempt', async () => {
  await lab.run('attempts', { command: ['sh', '-c', 'hostname; exit 1'], backoffLimit: 1 });
  const { attemptHistory = [] } = await lab.ended('attempts');
  assert.is(attemptHistory.length, 2);
  const [last, previous] = [
    await commands.succeed('logs', 'attempts'),
    await commands.succeed('logs', '-p', 'attempts'),
  ];
  assert.is.not(last, previous);
  assert.is(await commands.succeed('logs', 'attempts', '--attempt', '1'), previous);
  assert.match((await commands.run('logs', 'attempts', '--attempt', '3')).stderr, 'there is no attempt 3');
});

test('the log of a run whose pod is gone comes from its Girder job', async () => {
  await applyWithJob(lab, 'reported', { command: ['echo', 'kept in Girder'] });
  const { podName = '' } = await lab.ended('reported');
  await lab.kubectl('delete', 'pod', podName, '--grace-period=0', '--force');
  const isGone = { holds: (pods: unknown[]) => !JSON.stringify(pods).includes(podName), withinMs: 60_000 };
  await until(`${podName} is gone`, () => lab.client.list(paths.pods(lab.namespace)), isGone);
  const { code, stdout, stderr } = await commands.run('logs', 'reported');
  assert.is(code, 0, stderr);
  assert.match(stdout, 'kept in Girder\n');
  assert.match(stderr, `the pod ${podName} is deleted; this is the log of the Girder job`);
});

test('a watch whose output nobody reads any more ends', async () => {
  await lab.run('piped', { command: ['sh', '-c', untilReleased] });
  await lab.running('piped');
  const watch = commands.start('watch', 'piped');
  await watch.prints('run/piped Running');
  watch.child.stdout.destroy();
  await lab.release('piped');
  assert.is((await watch.ended).code, 141);
});

test('open prints the page of the results in Girder', async () => {
  const itemId = await anItem('opened');
  await lab.run('opened', { ...ending, girder: girderOf({ log: { itemId } }) });
  await lab.ended('opened');
  const root = environment('GIRDER_API_URL').replace('/api/v1', '');
  assert.is(await commands.succeed('open', 'opened'), `${root}/#item/${itemId}\n`);
  assert.match(await commands.succeed('get', 'opened'), `${root}/#item/${itemId}`);
});

test('delete stops the target and deletes the run', async () => {
  await lab.run('deleted', { command: ['sh', '-c', untilReleased] });
  await lab.running('deleted');
  assert.is(await commands.succeed('delete', 'deleted'), 'run/deleted deleted, and its target is stopped\n');
  const { code, stderr } = await commands.run('get', 'deleted');
  assert.equal([code, stderr.includes('"deleted" not found')], [1, true]);
});

test('kubectl dockerrun is the same program', async () => {
  using directory = new ScratchDirectory('kubectl-plugin');
  await symlink(commands.program, join(directory.path, 'kubectl-dockerrun'));
  const path = `${directory.path}:${dirname(process.execPath)}:${environment('PATH')}`;
  const { code, stdout, stderr } = await execute('env', [
    `PATH=${path}`,
    'kubectl',
    'dockerrun',
    'list',
    '-n',
    'default',
    '-o',
    'json',
  ]);
  assert.is(code, 0, stderr);
  assert.is((JSON.parse(stdout.toString()) as { kind: string }).kind, 'List');
});

test.run();
