/**
 * Measures how long a target waits for the one before on the installed operator: one pod, whose next input is on the
 * node in time. It needs a quiet machine:
 *
 *     set -a; . .cluster/env; set +a
 *     node bench/set-idle.ts [seconds of a target, 8] [inputs, 8]
 *     prettier --write docs/sets-figures.md
 */
import { followTargets, inputs, SetLab } from '../test/e2e/sets/set-lab.ts';
import { until } from '../test/fixtures/until.ts';
import { writeFigures } from './figures-page.ts';

const [targetSeconds = 8, count = 8] = process.argv.slice(2).map(Number);

using targets = await followTargets();
const lab = await SetLab.open('set-idle');
try {
  await lab.addInputs(inputs(count));
  const command = ['sh', '-c', `cat "$0" > "$1/copy.txt"; sleep ${targetSeconds}`];
  await lab.apply('idle', {
    parallelism: 1,
    chunk: { items: count },
    template: {
      spec: { image: 'busybox:local', imagePullPolicy: 'Never', command, args: ['$(item)', '$(result)'] },
    },
  });
  const [chunk] = await until('the chunk exists', () => lab.chunks('idle'), {
    holds: ({ length }) => length === 1,
    withinMs: 120_000,
    everyMs: 500,
  });
  await lab.inPhase('idle', 'Complete');
  const { idleMs } = await targets.allOf(chunk?.metadata.uid ?? '', { least: count });
  const mean = idleMs.reduce((sum, one) => sum + one, 0) / idleMs.length;
  writeFigures({
    title: 'Between two targets',
    text: [
      'Written by `bench/set-idle.ts`: from the end of a target to the start of the next one in the same pod, by the times of',
      'the Docker Engine, which needs most of it to end one container and to start another.',
    ],
    rows: [
      ['Inputs, and seconds of each target', `${count}, ${targetSeconds}`],
      [
        'Milliseconds between two targets: mean, most',
        `${mean.toFixed(0)}, ${Math.max(...idleMs).toFixed(0)}`,
      ],
      [
        'Share of the time in which no target runs',
        `${((100 * mean) / (mean + 1000 * targetSeconds)).toFixed(1)} %`,
      ],
      ['Seconds of a target from which it is less than 5 %', ((19 * mean) / 1000).toFixed(1)],
    ],
  });
} finally {
  await lab.close();
}
