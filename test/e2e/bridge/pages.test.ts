import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { startBrowser } from '../../fixtures/browser.ts';
import { publishOne } from '../../fixtures/girder-examples.ts';
import { ociImage } from '../../fixtures/oci-image.ts';
import { Registry } from '../../fixtures/registry.ts';
import { jobInState } from '../../fixtures/slicer-cli.ts';
import { suite } from '../../fixtures/suite.ts';
import { until } from '../../fixtures/until.ts';
import { environment } from '../support/environment.ts';
import { session } from '../support/girder.ts';
import { logOf } from '../support/girder-job.ts';
import { cancelled, failed, succeeded } from '../support/job-run.ts';
import { succeed } from '../support/shell.ts';

/** What a user of Girder sees of tasks that run on the cluster, in a browser. */

const endMs = 180_000;
const test = suite('pages of Girder');
let registry: Registry;
let image: string;
let browser: Browser;

test.before(async () => {
  registry = await Registry.start({ isOpen: true });
  const files = { busybox: await readFile('/bin/busybox') };
  image = await registry.push('pages', ociImage(files, [], ['/busybox']));
  browser = await startBrowser();
});

test.after(async () => {
  await browser?.close();
  await registry?.[Symbol.asyncDispose]();
  if (image !== undefined) await succeed('docker', ['image', 'rm', '--force', image]);
});

/** A page of Girder's web client, as the administrator. */
async function pageAt(route: string): Promise<Page> {
  const url = new URL('/', environment('GIRDER_API_URL')).href;
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(endMs);
  await context.addInitScript(`localStorage.setItem('girderToken', '${await session()}')`);
  const page = await context.newPage();
  await page.goto(`${url}#${route}`);
  return page;
}

const published = (args: readonly string[]) =>
  publishOne('plugins/page-task', { values: { image, container_args: args } });

/** Waits until the page shows a text. */
async function shows(page: Page, words: RegExp): Promise<string> {
  return until(`the page shows ${words}`, () => page.locator('body').innerText(), {
    holds: (text) => words.test(text),
    withinMs: endMs,
    everyMs: 250,
  });
}

test("the page of a job shows where it runs, the target's output and its end", async () => {
  const { jobId } = await published(['echo', 'hello from the cluster']);
  await jobInState(jobId, [succeeded, failed, cancelled], endMs);
  // A worker that begins at once is faster than the bridge, which then says it after the end.
  await until('the log says where it ran', () => logOf(jobId), {
    holds: (log) => log.includes('Runs on Kubernetes'),
    withinMs: endMs,
    everyMs: 250,
  });
  const page = await pageAt(`job/${jobId}`);
  const text = await shows(page, /hello from the cluster/);
  assert.match(text, /Runs on Kubernetes as the DockerRun girder-tasks\/girder-/);
  assert.match(text, /SUCCESS/);
  await page.context().close();
});

test('the button of the page of a job cancels its run', async () => {
  const { jobId } = await published(['sh', '-c', 'echo begun; exec /busybox sleep 600']);
  const page = await pageAt(`job/${jobId}`);
  await until('the target runs', () => logOf(jobId), {
    holds: (log) => log.includes('begun'),
    withinMs: endMs,
    everyMs: 250,
  });
  await page.reload();
  await page.locator('.g-job-cancel').click();
  await jobInState(jobId, [cancelled], endMs);
  // Without Redis, for its notifications, Girder's page does not change by itself.
  await page.reload();
  await shows(page, /CANCELED/);
  await page.context().close();
});

test('the page of workers shows the replicas as workers that are online', async () => {
  const page = await pageAt('plugins/worker/task/status');
  // Girder waits one second for the replies of workers, and its page asks once.
  const asked = async () => {
    await page.reload();
    await page
      .getByText(/dockerrun@/)
      .first()
      .waitFor({ timeout: 10_000 });
    return page.locator('body').innerText();
  };
  await until('the page shows replicas that are online', asked, {
    holds: (text) => /dockerrun@/.test(text) && /Online/i.test(text),
    withinMs: endMs,
  });
  await page.context().close();
});

test.run();
