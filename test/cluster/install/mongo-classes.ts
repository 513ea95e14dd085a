import { join } from 'node:path';
import { capture, runLogged } from '../command.ts';
import { layout } from '../layout.ts';
import { printLine } from '../progress.ts';
import type { Step } from '../steps.ts';
import { cacheDirectory, fillOnce } from './cache.ts';

const recipes = ['mongo/pom.xml', 'mongo/MongoMain.java', 'mongo/ReferenceIndex.java'];
const downloadSeconds = 600;

/** The directory of the compiled server; its libraries lie in `lib` below. */
export function mongoClasses(): string {
  return cacheDirectory('mongo', recipes);
}

/** Fetches the MongoDB-protocol server's libraries from Maven's registry and compiles its own classes. */
export const mongoClassesStep: Step = {
  name: 'mongo classes',
  after: ['packages'],
  run: (signal) =>
    fillOnce(mongoClasses(), async () => {
      printLine('mongo classes: fetching a MongoDB-protocol server for Girder’s database');
      const source = join(layout.recipes, 'mongo');
      const lib = join(mongoClasses(), 'lib');
      const copy = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
      const goals = ['--batch-mode', '-f', join(source, 'pom.xml'), copy, `-DoutputDirectory=${lib}`];
      await runLogged('mongo-classes', ['mvn', ...goals], { signal, seconds: downloadSeconds });
      const sources = ['MongoMain.java', 'ReferenceIndex.java'].map((name) => join(source, name));
      await capture('javac', ['-cp', `${lib}/*`, '-d', mongoClasses(), ...sources], signal);
    }),
};
