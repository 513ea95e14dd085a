import { readFile } from 'node:fs/promises';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { Lab } from './support/runs.ts';
import { execute } from './support/shell.ts';

let lab: Lab;

test.before(async () => {
  lab = await Lab.open('examples');
});
test.after(() => lab.close());

for (const file of ['hello', 'bind-mount']) {
  test(`examples/${file}.yaml runs without changes`, async () => {
    const manifest: unknown = parse(await readFile(`examples/${file}.yaml`, 'utf8'));
    const { name } = (manifest as { metadata: { name: string } }).metadata;
    const { code, stderr } = await lab.apply(manifest);
    assert.is(code, 0, stderr);
    const status = await lab.ended(name);
    assert.is(status.phase, 'Succeeded', status.message);
  });
}

test('the demo segments a real image and a folder of them, and its second run takes seconds', async () => {
  for (const seconds of [900, 400]) {
    const { code, stdout, stderr } = await execute('node', ['examples/demo/demo.ts'], { seconds });
    assert.is(code, 0, `${stdout.toString()}\n${stderr}`);
    assert.match(stdout.toString(), /[0-9a-f]{64}/);
    assert.match(stdout.toString(), /a folder of 32 pictures, .* 2 added later/);
  }
});

test.run();
