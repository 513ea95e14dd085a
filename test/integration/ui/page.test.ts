import type { Browser, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { apiVersion, kind } from '../../../src/api/names.ts';
import { paths } from '../../../src/kube/paths.ts';
import { createLogger } from '../../../src/support/log.ts';
import { bundlePage } from '../../../scripts/page-bundle.ts';
import { serveUi } from '../../../src/ui/ui-session.ts';
import { problemsOf, startBrowser } from '../../fixtures/browser.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { suite } from '../../fixtures/suite.ts';

type World = {
  plane: ControlPlane;
  browser: Browser;
  stop: AbortController;
  served: Promise<void>;
  address: string;
};
const test = suite<World>('page of dockerrun ui');

/** Runs in the list; the last one is the newest. */
const count = 10_000;
const patienceMs = 60_000;

test.before(async (world) => {
  await bundlePage('dist');
  world.plane = await startControlPlane();
  await createRuns(world.plane);
  world.stop = new AbortController();
  const ready = Promise.withResolvers<string>();
  const log = createLogger('silent', process.stderr);
  const options = { connection: world.plane.connect(), namespace: undefined, port: 0, log };
  world.served = serveUi({ ...options, stop: world.stop.signal, onReady: ready.resolve });
  world.address = await ready.promise;
  world.browser = await startBrowser();
});
test.after(async ({ browser, stop, served, plane }) => {
  await browser?.close();
  stop?.abort();
  await served;
  await plane?.close();
});

async function createRuns({ client }: ControlPlane): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => index);
  const create = async () => {
    for (let number = numbers.shift(); number !== undefined; number = numbers.shift())
      await client.create(paths.dockerRuns('default'), {
        ...{ apiVersion, kind, metadata: { name: `run-${number}` } },
        spec: { image: number % 100 === 0 ? 'rare:1' : 'busybox:1' },
      });
  };
  await Promise.all(Array.from({ length: 24 }, create));
}

async function open(
  { browser, address }: World,
  to = '',
  viewport = { width: 1280, height: 800 },
): Promise<Page> {
  const context = await browser.newContext({ viewport });
  context.setDefaultTimeout(patienceMs);
  const page = await context.newPage();
  await page.goto(`${address}${to}`);
  return page;
}

test('the list shows how many runs there are, and draws only those that are visible', async (world) => {
  const page = await open(world);
  const problems = problemsOf(page);
  await page.getByText(`${count} of ${count} runs`).waitFor();
  assert.ok((await page.getByRole('row').count()) < 100);
  assert.is(await page.getByRole('table', { name: 'Runs' }).getAttribute('aria-rowcount'), String(count + 1));
  assert.equal(problems, []);
  await page.context().close();
});

test('the token is taken out of the address, and the page can be reloaded', async (world) => {
  const page = await open(world);
  await page.getByText(`${count} of ${count} runs`).waitFor();
  assert.not.match(page.url(), /token/);
  await page.reload();
  await page.getByText(`${count} of ${count} runs`).waitFor();
  await page.context().close();
});

test('without the token, the page says what to open', async (world) => {
  const page = await open({ ...world, address: world.address.replace(/#.*/, '') });
  await page.getByText('Open the whole address that dockerrun ui printed').waitFor();
  await page.context().close();
});

/** Reads how long the thread of a page has worked, in milliseconds, however many others share the processor. */
async function processorOf(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    return 1_000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0);
  };
}

test('a list of 10,000 runs scrolls and changes without a stutter', async (world) => {
  const page = await open(world);
  await page.getByText(`${count} of ${count} runs`).waitFor();
  const busyMs = await processorOf(page);
  let longest = 0;
  const { client } = world.plane;
  for (let step = 0; step < 30; step += 1) {
    const before = await busyMs();
    await page.evaluate(`document.querySelector('.rows').scrollTop = ${step * 12_000}`);
    const run = `${paths.dockerRuns('default')}/run-${step}`;
    await client.merge(`${run}/status`, { status: { phase: 'Running', attempts: 1 } });
    longest = Math.max(longest, (await busyMs()) - before);
  }
  await page
    .getByLabel('Phase')
    .locator('option', { hasText: 'Running (30)' })
    .waitFor({ state: 'attached' });
  // A person sees a pause of a quarter of a second.
  assert.ok(longest < 500, `a step took ${longest} ms of the page's thread`);
  await page.context().close();
});

test('the filter is kept in the address, and limits the list', async (world) => {
  const page = await open(world);
  await page.getByText(`${count} of ${count} runs`).waitFor();
  await page.getByLabel('Text').fill('rare');
  await page.getByText(`${count / 100} of ${count} runs`).waitFor();
  assert.match(page.url(), /#\/runs\?text=rare$/);
  await page.reload();
  await page.getByText(`${count / 100} of ${count} runs`).waitFor();
  await page.context().close();
});

test('a run is found, opened and left by the keyboard alone', async (world) => {
  const page = await open(world);
  await page.getByText(`${count} of ${count} runs`).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('run-9999');
  await page.getByText(`1 of ${count} runs`).waitFor();
  await page.keyboard.press('Tab');
  await page.locator('body').press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: /run-9999/ }).waitFor();
  await page.getByRole('link', { name: 'Runs' }).first().press('Enter');
  await page.getByRole('table', { name: 'Runs' }).waitFor();
  await page.context().close();
});

test('an action asks first, and the page then shows what became of the run', async (world) => {
  const page = await open(world, '&to=/runs/default/run-7');
  await page.getByRole('button', { name: 'Cancel' }).click();
  const dialog = page.getByRole('dialog', { name: 'Cancel run-7?' });
  await dialog.getByRole('button', { name: 'Back' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Cancel' }).click();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('cancel: done').waitFor();
  const run = await world.plane.client.get(`${paths.dockerRuns('default')}/run-7`);
  assert.match(JSON.stringify(run), /"cancel":true/);
  await page.getByText('YAML').click();
  await page.getByText('cancel: true').waitFor();
  await page.context().close();
});

test('texts that a stranger wrote into a run are shown as text', async (world) => {
  const { client } = world.plane;
  const message = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
  const path = `${paths.dockerRuns('default')}/run-8/status`;
  await client.merge(path, { status: { phase: 'Running', message, attempts: 1 } });
  const page = await open(world, '&to=/runs/default/run-8');
  await page.getByText(message).first().waitFor();
  assert.is(await page.title(), 'DockerRun');
  await page.context().close();
});

test('a run that is deleted while it is looked at is said to be', async (world) => {
  const page = await open(world, '&to=/runs/default/run-9');
  await page.getByRole('heading', { level: 1, name: /run-9/ }).waitFor();
  await page.getByRole('button', { name: 'Cancel' }).waitFor();
  await world.plane.client.delete(`${paths.dockerRuns('default')}/run-9`);
  await page.getByText('It was deleted.').waitFor();
  await page.context().close();
});

for (const width of [360, 760, 1920]) {
  test(`nothing is wider than a screen of ${width} pixels`, async (world) => {
    for (const to of ['', '&to=/runs/default/run-1', '&to=/sets']) {
      const page = await open(world, to, { width, height: 800 });
      await page.getByText('live', { exact: true }).waitFor();
      const excess = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
      assert.ok(Number(excess) <= 0, `${to}: ${String(excess)} pixels too wide`);
      await page.context().close();
    }
  });
}

test.run();
