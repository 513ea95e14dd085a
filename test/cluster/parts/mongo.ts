import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expectMongoPing } from '../health.ts';
import { mongoClasses } from '../install/mongo-classes.ts';
import { layout } from '../layout.ts';
import { endpoints } from '../network.ts';
import type { Part } from '../supervise/part.ts';

const dataDir = join(layout.state, 'mongo');

/** MongoDB's protocol on an H2 file: MongoDB's own server is in no package registry of Debian, and this one is in Maven's. */
export const mongo: Part = {
  name: 'mongo',
  why: 'keeps Girder’s database',
  after: ['mongo classes'],
  clearStale: () => {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  },
  listens: [endpoints.mongo],
  command: () => {
    const classes = mongoClasses();
    return {
      command: 'java',
      args: [
        '-Xmx512m',
        '-XX:TieredStopAtLevel=1',
        '-cp',
        `${classes}:${classes}/lib/*`,
        'MongoMain',
        join(dataDir, 'girder.mv.db'),
        endpoints.mongo.host,
        String(endpoints.mongo.port),
      ],
    };
  },
  checkHealth: (signal) => expectMongoPing(endpoints.mongo, signal),
  healthySeconds: 60,
  stopSeconds: 15,
};
