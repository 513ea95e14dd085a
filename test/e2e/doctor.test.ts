import * as assert from 'uvu/assert';
import { test } from 'uvu';
import { execute } from './support/shell.ts';

test('the doctor finds nothing wrong with the cluster of the tests', async () => {
  const { code, stdout } = await execute(process.execPath, ['src/main.ts', 'doctor']);
  const printed = stdout.toString();
  const lines = printed.trimEnd().split('\n');
  const states = lines.map((line) => line.split(/ +/).slice(0, 2));
  const subjects = ['cluster', 'resources', 'operator', 'policy', 'nodes', 'rights', 'engine', 'Girder'];
  assert.equal(
    states,
    subjects.map((subject) => [subject, 'ok']),
    printed,
  );
  assert.is(code, 0);
});

test.run();
