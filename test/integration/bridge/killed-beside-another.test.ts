import { KillTests } from './kill-tests.ts';

const beside = new KillTests('a bridge that is killed at each step beside another one', 2);
beside.declareRuns();

beside.test.run();
