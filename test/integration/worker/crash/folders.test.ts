import { testCrashes } from './crash-suite.ts';
import { livesWithFolders } from './worker-lives.ts';

testCrashes(livesWithFolders, { least: 90 });
