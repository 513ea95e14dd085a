import { globSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('a test file with hooks uses the suite that fails when a hook does', () => {
  const files = globSync('test/**/*.test.ts').filter((path) => {
    const text = readFileSync(path, 'utf8');
    return /\btest\.(?:before|after)\b/.test(text) && /^import .* from 'uvu';$/m.test(text);
  });
  assert.equal(files, []);
});

test.run();
