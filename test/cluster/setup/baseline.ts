import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { layout } from '../layout.ts';
import type { Step } from '../steps.ts';
import { takeSnapshot, type Snapshot } from '../teardown/snapshot.ts';

/** What the machine looked like before the cluster; undefined when no cluster was started since the last boot. */
export function readBaseline(): Snapshot | undefined {
  if (!existsSync(layout.baseline)) return undefined;
  return JSON.parse(readFileSync(layout.baseline, 'utf8')) as Snapshot;
}

/** Notes the machine's links, firewall and kernel settings before the first change, for `down` to compare with. */
export const baselineStep: Step = {
  name: 'baseline',
  after: ['packages'],
  run: async (signal) => {
    if (existsSync(layout.baseline)) return;
    mkdirSync(layout.run, { recursive: true, mode: 0o711 });
    writeFileSync(layout.baseline, JSON.stringify(await takeSnapshot(signal)));
  },
};
