import * as assert from 'uvu/assert';
import { processedFiles } from '../../fixtures/girder-examples.ts';
import { jobInState, jobsOfBatch, SlicerCli, type CliParameters } from '../../fixtures/slicer-cli.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { aFileIn, aFolder, download, filesOf, girder } from '../support/girder.ts';
import { cancelJob, logOf, statesOf, storedJob } from '../support/girder-job.ts';
import { cancelled, failed, running, succeeded } from '../support/job-run.ts';

/** A CLI of Slicer CLI Web, started from its REST endpoint and run by the bridge. */

type Item = { readonly _id: string; readonly name: string };

const test = suite('Slicer CLI Web');
const final = [succeeded, failed, cancelled];
const endMs = 180_000;
const batchMs = 900_000;
const batchSize = 200;
/** How many runs of a batch must be under way at one time. */
const leastTogether = 4;
let cli: SlicerCli;
let inputs: string;

test.before(async () => {
  const name = `slicer-${Date.now().toString(36)}`;
  inputs = await aFolder(name);
  cli = await SlicerCli.register(await aFolder('tasks', inputs));
});

const outputFolder = (name: string) => aFolder(name, inputs);

/** The text of each file in a folder, by the name of its item. */
async function resultsIn(folder: string): Promise<Record<string, string>> {
  const items = await girder<Item[]>('GET', `item?folderId=${folder}&limit=0`);
  const texts: Record<string, string> = {};
  for (const { _id: id, name } of items) {
    const [file] = await filesOf(id);
    texts[name] = file === undefined ? '' : (await download(file._id)).toString();
  }
  return texts;
}

/** Starts a run whose outputs are in `folder`. */
async function started(folder: string, parameters: CliParameters = {}): Promise<string> {
  const inputFile = await aFileIn(inputs, 'lines.txt', Buffer.from('1\n2\n3\n'));
  const output = { outputFile: 'out.txt', outputFile_folder: folder };
  return cli.run({ inputFile, ...output, ...parameters });
}

test('a run has every kind of parameter, and its outputs are in Girder with their references', async () => {
  const folder = await outputFolder('every kind');
  const data = await aFolder('data', inputs);
  const first = await aFileIn(data, 'a.txt', Buffer.from('one\n'));
  const second = await aFileIn(data, 'b.txt', Buffer.from('two\n'));
  const item = (await girder<{ itemId: string }>('GET', `file/${first}`)).itemId;
  const { _id: user } = await girder<{ _id: string }>('GET', 'user/me');
  const jobId = await started(folder, {
    ...{ outputAnnotationFile: 'a.anot', outputAnnotationFile_folder: folder },
    ...{ returnparameterfile: 'returned.txt', returnparameterfile_folder: folder },
    ...{ inputDirectory: data, inputItem: item, moreFiles: `${first},${second}` },
    ...{ flag: true, times: 3, small: 0.25, large: 2.5, note: 'for {{title}}', mode: 'b' },
    ...{ sizes: '[4, 5]', vec: '[1, 2.5]', roi: '[1, 2, 3, 4]', girderApiUrl: '', girderToken: '' },
  });
  const { status, log = [], progress } = await jobInState(jobId, final, endMs);
  assert.is(status, succeeded, log.join(''));
  assert.equal(await statesOf(jobId), [running, succeeded]);
  const results = await resultsIn(folder);
  assert.equal(
    [results['a.anot'], results['returned.txt']],
    ['{"elements": []}\n', 'lines = 3\n'],
    'the optional output and the simple one',
  );
  const said = Object.fromEntries((results['out.txt'] ?? '').trim().split('\n').map(valueOf));
  assert.equal(said, {
    ...{ lines: '3', dir: './a.txt ./b.txt', item: 'a.txt', more: 'one two', user },
    ...{ flag: 'true', times: '3', small: '0.25', large: '2.5', note: 'for Count Lines', mode: 'b' },
    ...{ sizes: '4, 5', vec: '1, 2.5', roi: '1, 2, 3, 4' },
  });
  assert.equal(progress, { current: 1, total: 1, message: 'Counting & done', ...onlyOf(progress) });
  const text = await logOf(jobId);
  assert.match(text, /^Count counts lines\.txt$/m);
  assert.not.match(text, '<filter-');
  const events = await processedFiles(folder);
  assert.equal(events.map(({ name, reference }) => [name, identifierOf(reference)]).toSorted(), [
    ['a.anot', 'outputAnnotationFile'],
    ['out.txt', 'outputFile'],
    ['returned.txt', 'returnparameterfile'],
  ]);
});

function valueOf(line: string): [string, string] {
  const [name = ''] = line.split('=', 1);
  return [name, line.slice(name.length + 1)];
}

/** Fields of a progress that Girder adds by itself. */
function onlyOf(progress: unknown): Record<string, unknown> {
  const { current, total, message, ...others } = (progress ?? {}) as Record<string, unknown>;
  void [current, total, message];
  return others;
}

function identifierOf(reference: string | null): string {
  return (JSON.parse(reference ?? '{}') as { identifier?: string }).identifier ?? '';
}

test('a second run with the same output makes a new item, as Girder Worker does', async () => {
  const folder = await outputFolder('the same twice');
  for (const jobId of [await started(folder), await started(folder)]) {
    const { status, log = [] } = await jobInState(jobId, final, endMs);
    assert.is(status, succeeded, log.join(''));
  }
  assert.equal(Object.keys(await resultsIn(folder)).toSorted(), ['out.txt', 'out.txt (1)']);
  assert.is((await processedFiles(folder)).length, 2);
});

test('a CLI that fails ends its job as failed, and uploads nothing', async () => {
  const folder = await outputFolder('failed');
  const jobId = await started(folder, { code: 3 });
  const { status } = await jobInState(jobId, final, endMs);
  assert.is(status, failed);
  assert.match(await logOf(jobId), /\b3\b/);
  assert.equal(await resultsIn(folder), {});
});

test('a cancel in Girder stops the CLI', async () => {
  const folder = await outputFolder('cancelled');
  const jobId = await started(folder, { seconds: 600 });
  const holds = (text: string) => text.includes('Count counts');
  await until('the CLI runs', () => logOf(jobId), { holds, withinMs: endMs, everyMs: 250 });
  await cancelJob(jobId);
  const { status } = await jobInState(jobId, final, endMs);
  assert.is(status, cancelled);
  assert.equal(await resultsIn(folder), {});
});

/** A folder of as many items, each with a file of one line more than the last. */
async function batchFolder(name: string, count: number): Promise<string> {
  const folder = await aFolder(name, inputs);
  for (let index = 1; index <= count; index += 1) {
    await aFileIn(folder, `case-${String(index).padStart(3, '0')}.txt`, Buffer.from('x\n'.repeat(index)));
  }
  return folder;
}

function startBatch(folder: string, output: string, parameters: CliParameters = {}): Promise<string> {
  const batch = { inputFile: '^case-.*$', inputFile_folder: folder };
  const name = '{{parameter_inputFile_base}}.count';
  return cli.run({ ...batch, outputFile: name, outputFile_folder: output, ...parameters });
}

test('a batch over 200 items runs each of them once, several at a time', async () => {
  const folder = await batchFolder('many', batchSize);
  const output = await outputFolder('many results');
  const batch = await startBatch(folder, output);
  let together = 0;
  const unfinished = async () => {
    const states = `statuses=${encodeURIComponent('[0,1,2]')}&types=${encodeURIComponent(`["${cli.image}#Count"]`)}`;
    const jobs = await girder<unknown[]>('GET', `job/all?limit=0&${states}`);
    together = Math.max(together, jobs.length);
    return { left: jobs.length, state: (await storedJob(batch)).status };
  };
  const holds = ({ left, state }: { left: number; state: number }) => left === 0 && final.includes(state);
  const { state } = await until('the batch has ended', unfinished, {
    holds,
    withinMs: batchMs,
    everyMs: 1_000,
  });
  assert.is(state, succeeded, await logOf(batch));
  const jobs = await jobsOfBatch(batch);
  assert.is(new Set(jobs).size, batchSize);
  const results = await resultsIn(output);
  assert.is(Object.keys(results).length, batchSize);
  assert.match(results['case-200.count'] ?? '', /^lines=200$/m);
  assert.ok(together >= leastTogether, `at most ${together} at a time`);
});

test('the cancel of a batch starts no further run', async () => {
  const folder = await batchFolder('stopped', 40);
  const batch = await startBatch(folder, await outputFolder('stopped results'), { seconds: 2 });
  const scheduled = () => jobsOfBatch(batch);
  await until('two runs are scheduled', scheduled, { holds: ({ length }) => length >= 2, withinMs: endMs });
  await cancelJob(batch);
  const { status } = await jobInState(batch, final, endMs);
  assert.is(status, cancelled);
  const seen = await jobsOfBatch(batch);
  for (const job of seen) assert.is((await jobInState(job, final, batchMs)).status, succeeded);
  // Girder was perhaps about to schedule one; in the time of those runs it would have scheduled all of them.
  const jobs = await jobsOfBatch(batch);
  assert.ok(jobs.length <= seen.length + 1, `${seen.length} runs, then ${jobs.length}`);
  for (const job of jobs) assert.is((await jobInState(job, final, batchMs)).status, succeeded);
});

test.run();
