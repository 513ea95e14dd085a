import { testCrashes } from './crash-suite.ts';
import { livesWithDownloads } from './worker-lives.ts';

testCrashes(livesWithDownloads, { least: 80 });
