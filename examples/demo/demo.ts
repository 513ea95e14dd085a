import { printLine } from '../../test/cluster/progress.ts';
import { runProgram } from '../../test/cluster/program.ts';
import { applySecret, demoEnvironment } from './environment.ts';
import { type GirderSession, logIn } from './girder-session.ts';
import { type FinishedTask, startFromGirder } from './girder-task.ts';
import { showHostPath } from './host-path.ts';
import { kubectl } from './kubectl.ts';
import { secondsOfMake } from './make-time.ts';
import { readManifest } from './manifest.ts';
import { type FinishedRun, performRun } from './perform-run.ts';
import { folderPage, itemPage, type VerifiedResult, verifyResults } from './results.ts';
import { putSample, type Sample } from './sample.ts';
import { type ShownSet, showSet } from './show-set.ts';
import { ensureTargetImage, prepareIngredients } from './target-image.ts';
import { partsOfRun, Timetable } from './timetable.ts';

/**
 * A DockerRun turns a photograph in Girder into a picture and a table; another one uses a host directory; a
 * DockerRunSet does a folder of pictures, and later only the new ones. At last Girder itself starts the program.
 */
async function demo(signal: AbortSignal): Promise<void> {
  const times = new Timetable();
  const made = secondsOfMake();
  if (made !== undefined) times.add('environment and operator (make)', made);
  const environment = demoEnvironment();
  const packages = await times.measure('base image and Python packages', () => prepareIngredients(signal));
  const image = await times.measure('image of the target', () => ensureTargetImage(signal));
  const session = await logIn(environment.apiUrl, environment.apiKey, signal);
  const sample = await times.measure('input into Girder', () => putSample(session, packages, signal));
  printLine(`input: ${sample.name} is ${session.apiUrl}/file/${sample.fileId}/download`);
  await applySecret(environment, signal);
  const run = await times.measure('run', () => performRun(manifestOf(image, sample, session), signal));
  for (const { what, seconds } of partsOfRun(run.status)) times.add(what, seconds);
  const results = await times.measure('results verified', () =>
    verifyResults(session, run.status.results ?? [], signal),
  );
  await times.measure('run on a host directory', () => showHostPath(signal));
  const set = await showSet({ session, packages, image, times }, signal);
  const task = await times.measure('started from Girder', () =>
    startFromGirder(session, { image, sample }, signal),
  );
  const pages = {
    run: itemPage(session, sample.resultItemId),
    set: folderPage(session, set.folderId),
    task: folderPage(session, task.folderId),
  };
  await printSummary(run, { results, set, task, pages, times }, signal);
}

function manifestOf(image: string, sample: Sample, session: GirderSession): string {
  return readManifest('segment.yaml', {
    IMAGE: image,
    FILE_ID: sample.fileId,
    RESULT_ITEM_ID: sample.resultItemId,
    GIRDER_API_URL: session.apiUrl,
  });
}

type Shown = {
  results: readonly VerifiedResult[];
  set: ShownSet;
  task: FinishedTask;
  pages: { run: string; set: string; task: string };
  times: Timetable;
};

async function printSummary(
  run: FinishedRun,
  { results, set, task, pages, times }: Shown,
  signal: AbortSignal,
): Promise<void> {
  const row = await kubectl(['get', 'dockerrun', run.name], signal);
  const found = results.flatMap(({ name, address, copy, size, sha256 }) => [
    '',
    `${name}, ${size} bytes, verified in Girder`,
    `  address  ${address}`,
    `  sha256   ${sha256}`,
    `  copy     ${copy}`,
  ]);
  const lines = [
    '',
    row.trimEnd(),
    ...found,
    '',
    `both in the web pages of Girder: ${pages.run}`,
    '',
    `a folder of ${set.pictures} pictures, ${set.before} of them done by an earlier demo, ${set.added} added later`,
    `  results  ${pages.set}`,
    `  sheet    ${set.sheet}`,
    '',
    ...times.lines(),
    '',
    `the same program, started in Girder by slicer_cli_web: ${task.files.join(', ')}`,
    `  results  ${pages.task}`,
    `  the log of its job ${task.jobId} ends with`,
    ...task.lines.map((line) => `    ${line}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

await runProgram(demo);
