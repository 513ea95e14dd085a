import { testCrashes } from './crash-suite.ts';
import { livesWithLeftovers } from './worker-lives.ts';

testCrashes(livesWithLeftovers, { least: 85 });
