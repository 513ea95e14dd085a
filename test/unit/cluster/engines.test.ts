import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { engineNamed } from '../../cluster/node2/engines.ts';

test('the first engine is taken when none is named', () => {
  assert.equal([engineNamed(undefined).name, engineNamed('').name], ['26.1', '26.1']);
});

test('an engine that is not offered is refused with those that are', () => {
  assert.throws(() => engineNamed('19.03'), /ENGINE is one of 26\.1, 28\.5, next, none/);
});

test.run();
