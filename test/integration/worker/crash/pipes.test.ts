import { testCrashes } from './crash-suite.ts';
import { livesWithPipes } from './worker-lives.ts';

testCrashes(livesWithPipes, { least: 67 });
