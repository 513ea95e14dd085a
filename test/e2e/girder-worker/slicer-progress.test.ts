import { mkdir, writeFile } from 'node:fs/promises';
import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { until } from '../../fixtures/until.ts';
import { environment } from '../support/environment.ts';
import { anItem, download, filesOf } from '../support/girder.ts';
import { aJob, logOf, statesOf, storedJob } from '../support/girder-job.ts';
import { running, succeeded } from '../support/job-run.ts';
import { LocalLab } from '../support/local-run.ts';

/** A command-line module of 3D Slicer, as slicer_cli_web runs it. */

let lab: LocalLab;

test.before(async () => {
  lab = await LocalLab.open();
});
test.after(() => lab[Symbol.asyncDispose]());

const script = `echo starting
printf '<filter-start>\\n<filter-name>Smooth</filter-name>\\n<filter-comment>a &amp; b</filter-comment>\\n'
printf '</filter-start>\\n\\n'
printf '<filter-progress>0.'; sleep 0.1; printf '25</filter-progress>\\nquarter\\n'
echo '<filter-progress>of stderr</filter-progress>' >&2
while [ ! -e "$0/seen" ]; do sleep 0.1; done
printf '<filter-progress>1</filter-progress>\\n<filter-end>\\n<filter-time>1</filter-time>\\n</filter-end>\\ndone < \\n'
printf '<filter-comment>open'`;

const shown = 'starting\nquarter\ndone < \n<filter-comment>open';

test('the tags of a module become the progress of the run and its Girder job, and are in no log', async () => {
  const [{ jobId, token }, itemId] = [await aJob({ title: 'slicer' }), await anItem(`slicer-${lab.name}`)];
  const seen = `${lab.directory}/watched`;
  const secret = (name: string, stringData: object) => ({
    ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData },
  });
  const file = await lab.file(
    lab.run({
      command: ['sh', '-c', script, '$(watched)'],
      volumes: [{ name: 'watched', bindMount: { hostPath: seen, containerPath: '/watched', mode: 'ro' } }],
      transforms: [
        { name: 'p', connect: { input: { containerStdOut: {} }, output: { slicerProgress: {} } } },
      ],
      girder: {
        apiUrl: environment('GIRDER_API_URL'),
        credentialsSecretRef: { name: 'girder' },
        job: { id: jobId, tokenSecretRef: { name: 'job', key: 'token' } },
        log: { itemId },
      },
    }),
    secret('girder', { apiKey: environment('GIRDER_API_KEY') }),
    secret('job', { token }),
  );
  await mkdir(seen);
  const { ended, prints } = lab.start(['run', file]);
  const first = { message: 'a & b', current: 0.25, total: 1 };
  const progress = async () => {
    const { progress: stored } = await storedJob(jobId);
    return stored && { message: stored.message, current: stored.current, total: stored.total };
  };
  const holds = (stored: unknown) => JSON.stringify(stored) === JSON.stringify(first);
  await until('the job shows the first progress', progress, { holds, withinMs: 180_000 });
  await prints('a & b');
  await writeFile(`${seen}/seen`, '');
  const { code, stdout, stderr } = await ended;
  assert.is(code, 0, stderr);
  assert.is(stdout.toString(), shown);
  assert.match(stderr, '<filter-progress>of stderr</filter-progress>\n');
  assert.equal(await progress(), { ...first, current: 1 });
  assert.equal(await statesOf(jobId), [running, succeeded]);
  const log = await logOf(jobId);
  assert.match(log, 'starting\n');
  assert.match(log, 'done < \n');
  assert.match(log, 'of stderr');
  assert.not.match(log, /filter-(start|end|name|time)|filter-progress>[01]/);
  const [kept] = await filesOf(itemId);
  const text = (await download(kept?._id ?? '')).toString();
  assert.is(text.replace('<filter-progress>of stderr</filter-progress>\n', ''), shown);
});

test.run();
