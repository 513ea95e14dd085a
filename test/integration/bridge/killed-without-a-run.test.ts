import { KillTests } from './kill-tests.ts';

for (const [title, replicas] of [
  ['a bridge that is killed at a task that becomes no run', 1],
  ['the same beside another one', 2],
] as const) {
  const tests = new KillTests(title, replicas);
  tests.declareOthers();
  tests.test.run();
}
