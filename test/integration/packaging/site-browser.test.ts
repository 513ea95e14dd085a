import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { writeSite } from '../../../scripts/site/site-files.ts';
import { problemsOf, startBrowser } from '../../fixtures/browser.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { suite } from '../../fixtures/suite.ts';

/** The site in a browser, from the disk. */
type World = { browser: Browser; folder: ScratchDirectory; files: readonly string[] };

const test = suite<World>('documentation in a browser');

test.before(async (world) => {
  world.folder = new ScratchDirectory('site');
  world.files = [...writeSite(world.folder.path).keys()];
  world.browser = await startBrowser();
});
test.after(async ({ browser, folder }) => {
  await browser?.close();
  folder?.[Symbol.dispose]();
});

const addressOf = ({ folder }: World, file: string) => pathToFileURL(join(folder.path, file)).href;

async function open(world: World, file: string): Promise<Page> {
  const page = await world.browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(addressOf(world, file));
  return page;
}

test('the search finds a field by the words of its path, and Enter leads to it', async (world) => {
  const page = await open(world, 'index.html');
  const problems = problemsOf(page);
  await page.keyboard.press('/');
  await page.keyboard.type('bindmount hostpath');
  await page.waitForSelector('#found a');
  await page.keyboard.press('Enter');
  await page.waitForURL(/dockerrun\.html#spec\.volumes/);
  assert.match(String(await page.textContent(':target')), /^\s*spec\.volumes\[\]\.bindMount\.hostPath /);
  assert.equal(problems, []);
  await page.close();
});

test('the search works on every level of folders, and says when it finds nothing', async (world) => {
  const page = await open(world, 'docs/how-to/gpu.html');
  await page.fill('#search', 'OOMKilled');
  await page.click('#found a');
  await page.waitForURL(/OOMKilled$|#oomkilled$/i);
  await page.fill('#search', 'no such thing anywhere');
  await page.waitForSelector('#found li:not(:has(a))');
  await page.keyboard.press('Escape');
  assert.not.ok(await page.isVisible('#found'));
  await page.close();
});

test('no page is wider than a phone, and all of them are readable without scripts', async (world) => {
  const options = { viewport: { width: 390, height: 844 }, javaScriptEnabled: false };
  const context = await world.browser.newContext(options);
  const page = await context.newPage();
  const files = world.files.filter((name) => /^(index|docs\/(?!decisions\/).*)\.html$/.test(name));
  assert.ok(files.length > 30);
  for (const file of files) {
    await page.goto(addressOf(world, file));
    assert.is(await page.evaluate('document.documentElement.scrollWidth'), 390, file);
    assert.ok(await page.isVisible('h1'), file);
  }
  await context.close();
});

test('light and dark follow the system', async (world) => {
  const page = await open(world, 'index.html');
  const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
  await page.emulateMedia({ colorScheme: 'light' });
  assert.is(await background(), 'rgb(255, 255, 255)');
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.is(await background(), 'rgb(21, 25, 28)');
  await page.close();
});

test.run();
