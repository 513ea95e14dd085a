import { runContainer } from '../../../src/docker/run-container.ts';
import { containerOf, engineUnderTest, followedInto, never } from './engine-under-test.ts';
import { Writable } from 'node:stream';

const [label = '', attempt = '', ...command] = process.argv.slice(2);
const [key = '', value = ''] = label.split('=');
const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });

await runContainer(
  { engine: await engineUnderTest(), signal: never },
  containerOf(command, { labels: { [key]: value, 'dockerrun-test/attempt': attempt } }),
  {
    ...followedInto(nowhere, nowhere),
    onStarted: ({ containerID }) => void process.stdout.write(`${containerID}\n`),
  },
);
