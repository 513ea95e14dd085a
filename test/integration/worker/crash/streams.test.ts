import { testCrashes } from './crash-suite.ts';
import { livesWithStreams } from './worker-lives.ts';

testCrashes(livesWithStreams, { least: 48 });
