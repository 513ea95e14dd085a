import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { removeServicePolicy, withoutServices } from '../../cluster/install/service-policy.ts';

const test = suite<{ directory: string; path: string }>('service policy');

test.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), 'policy-'));
  context.path = join(context.directory, 'policy-rc.d');
});
test.after.each(({ directory }) => rmSync(directory, { recursive: true }));

test('services are prevented from starting only while packages are installed', async ({ path }) => {
  await withoutServices(async () => {
    assert.match(readFileSync(path, 'utf8'), 'exit 101');
    assert.is(statSync(path).mode & 0o111, 0o111);
  }, path);
  assert.not(existsSync(path));
});

test('our policy is removed when a power cut left it behind, even without its content', async ({ path }) => {
  let ours = '';
  await withoutServices(async () => void (ours = readFileSync(path, 'utf8')), path);
  for (const left of [ours, '']) {
    writeFileSync(path, left);
    removeServicePolicy(path);
    assert.not(existsSync(path));
  }
});

test('a policy of another program stays, even one with the same effect', async ({ path }) => {
  const theirs = '#!/bin/sh\nexit 101\n';
  writeFileSync(path, theirs);
  await withoutServices(async () => assert.is(readFileSync(path, 'utf8'), theirs), path);
  removeServicePolicy(path);
  assert.is(readFileSync(path, 'utf8'), theirs);
});

test.run();
