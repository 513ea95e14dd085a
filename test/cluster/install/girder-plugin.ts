import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { layout } from '../layout.ts';
import type { Step } from '../steps.ts';
import { cacheDirectory, fillOnce } from './cache.ts';

const source = 'girder/plugin';
const recipes = ['dockerrun_test.py', 'dockerrun_test-1.dist-info/entry_points.txt'].map(
  (name) => `${source}/${name}`,
);

/**
 * The directory of the tests' Girder plugin. It is a copy with a name after its content, so that Girder is not
 * restarted when the cluster is used from another clone.
 */
export function girderPlugin(): string {
  return cacheDirectory('girder-plugin', recipes);
}

/** Copies the plugin to where Girder finds it as an installed package: pip would need the network to build it. */
export const girderPluginStep: Step = {
  name: 'girder plugin',
  after: [],
  run: () =>
    fillOnce(girderPlugin(), async () => {
      cpSync(join(layout.recipes, source), girderPlugin(), { recursive: true });
    }),
};
