import { testCrashes } from './crash-suite.ts';
import { livesWithReports } from './worker-lives.ts';

testCrashes(livesWithReports, { least: 60 });
