import * as assert from 'uvu/assert';
import { Commands } from '../support/commands.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { environment } from '../support/environment.ts';
import { type SetLab, SetLabs, upperCase } from '../sets/set-lab.ts';

/** Every verb of `dockerrun` for sets, with the program as the image has it. */

const test = concurrentTest();
const labs = new SetLabs();
const opened: Commands[] = [];

test.after(async () => {
  for (const commands of opened) commands[Symbol.dispose]();
  await labs.close();
});

async function open(name: string, count: number): Promise<{ lab: SetLab; commands: Commands }> {
  const lab = await labs.open(name, count);
  const commands = new Commands(lab.lab.namespace);
  opened.push(commands);
  return { lab, commands };
}

/** A target that fails for the input slide-0003.txt. */
const failing = {
  ...upperCase,
  command: ['sh', '-c', `case "$2" in *3.txt) echo broken >&2; exit 3;; esac; ${upperCase.command[2]}`],
};

const page = (kind: 'item' | 'folder', id: string) =>
  `${environment('GIRDER_API_URL').replace('/api/v1', '')}/#${kind}/${id}`;

test('a set is submitted, waited for, explained and retried', async () => {
  const { lab, commands } = await open('set-commands', 6);
  const file = await commands.file('nuclei', {}, lab.manifest('nuclei', { template: { spec: failing } }));
  const { code, stdout, stderr } = await commands.run(
    'submit',
    file,
    '--set',
    'parallelism=2',
    '--wait',
    '--timeout',
    '400s',
  );
  assert.is(code, 74, stderr);
  assert.match(stdout, /^set\/nuclei created\nset\/nuclei Complete/);

  assert.match(await commands.succeed('list', 'sets'), /^nuclei +Complete +\S+ +1 +/m);
  assert.match(await commands.succeed('get', 'set/nuclei'), /dockerrun failures nuclei shows all/);
  const failures = await commands.succeed('failures', 'nuclei');
  assert.match(failures, /^1 input: TargetFailed\n/);
  assert.match(failures, /^ {2}slide-0003\.txt: http/m);

  const [good, bad] = [
    await lab.input('case-0000/slide-0001.txt'),
    await lab.input('case-0000/slide-0003.txt'),
  ];
  const why = await commands.succeed('explain-item', 'nuclei', bad);
  assert.match(
    why,
    /^report of pass 1: case-0000\/slide-0003\.txt: it ran and failed; it ran because it has no result yet/m,
  );
  const result = [...(await lab.resultItems())].find(([path]) => path.endsWith('slide-0001.txt'));
  const done = await commands.succeed('explain-item', 'nuclei', good);
  assert.match(done, /it ran and succeeded, because it has no result yet/);
  assert.is(await commands.succeed('explain-item', 'nuclei', 'case-0000/slide-0001.txt'), done);
  assert.match((await commands.run('explain-item', 'nuclei', '0'.repeat(24))).stderr, /know an input 0{24}/);
  assert.match(await commands.succeed('open', 'set/nuclei'), page('folder', lab.results));
  assert.ok(result?.[1].receipt);

  const retried = await commands.run('retry', 'set/nuclei', '--failed', '--wait', '--timeout', '400s');
  assert.is(retried.code, 74, retried.stderr);
  const { status } = await lab.get('nuclei');
  assert.match(status.pass?.retryFailed ?? '', /^retry 20/);
  assert.match(await commands.succeed('delete', 'set/nuclei'), /^set\/nuclei deleted, with the runs of it/);
});

test('a set is suspended, resumed, watched and cancelled', async () => {
  const { lab, commands } = await open('set-controls-cli', 2);
  await lab.apply('held', { suspend: true });
  await lab.inPhase('held', 'Paused');
  await commands.succeed('resume', 'set/held');
  const { code, stdout } = await commands.run('watch', 'set/held', '--timeout', '400s');
  assert.is(code, 0, stdout);
  assert.match(stdout.trim().split('\n').at(-1) ?? '', /set\/held Complete/);
  await commands.succeed('suspend', 'set/held');
  assert.match(await commands.succeed('get', 'set/held', '-o', 'yaml'), /^ {2}suspend: true$/m);
  await commands.succeed('cancel', 'set/held');
  await lab.inPhase('held', 'Cancelled');
});

test.run();
