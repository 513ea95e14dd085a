import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Browser } from 'playwright-core';
import * as assert from 'uvu/assert';
import { bundlePage } from '../../scripts/page-bundle.ts';
import { problemsOf, startBrowser } from '../fixtures/browser.ts';
import { suite } from '../fixtures/suite.ts';
import { bigFile } from './support/big-file.ts';
import { environment } from './support/environment.ts';
import { anItem } from './support/girder.ts';
import { Lab, untilReleased } from './support/runs.ts';

type World = { lab: Lab; program: ChildProcess; address: string; browser: Browser };
const test = suite<World>('page of a real run');
const patienceMs = 120_000;

test.before(async (world) => {
  await bundlePage('dist');
  world.lab = await Lab.open('ui');
  const args = ['src/main.ts', 'ui', '--namespace', world.lab.namespace];
  world.program = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  world.address = await addressOf(world.program);
  world.browser = await startBrowser();
});
test.after(async ({ lab, program, browser }) => {
  await browser?.close();
  const ended = once(program, 'exit');
  program.kill('SIGINT');
  assert.equal((await ended)[0], 130);
  await lab.close();
});

/** The first line with an address that the program prints. */
async function addressOf({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('the program has no output');
  for await (const line of createInterface(stdout)) {
    const [address] = /http:\/\/127\.0\.0\.1:\d+\/#token=\S+/.exec(line) ?? [];
    if (address !== undefined) return address;
  }
  throw new Error('dockerrun ui ended without an address');
}

test('the page of a run shows its bytes while they move, its log, its results and its end', async ({
  lab,
  address,
  browser,
}) => {
  const file = await bigFile(192 * 2 ** 20);
  const itemId = await anItem('ui');
  const script = `exec 3< $(live)
    for i in 1 2 3 4 5 6; do dd bs=1M count=32 iflag=fullblock of=/dev/null <&3 2>/dev/null; echo "part $i"; sleep 2; [ $i -ne 3 ] || { ${untilReleased}; }; done
    wc -c <&3 > $(left)`;
  await lab.run('watched', {
    command: ['sh', '-c'],
    args: [script],
    transforms: [
      {
        name: 'live',
        connect: {
          input: { girderFileIdToStream: { fileId: file.fileId } },
          output: { namedInputPipe: { name: 'live' } },
        },
      },
      { name: 'left', volumePath: { filename: 'left.txt' } },
    ],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'left', itemId } }],
    girder: { apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } },
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 1000 } });
  context.setDefaultTimeout(patienceMs);
  const page = await context.newPage();
  const problems = problemsOf(page);
  await page.goto(address);
  await page.getByRole('link', { name: 'watched' }).click();
  const flow = page.getByRole('region', { name: 'Data flow' });
  // Part of the file has arrived, at a rate; the log grows at the same time.
  await flow.getByText(/^[1-9][\d.]* MB of 201\.3 MB/).waitFor();
  await page.getByRole('region', { name: 'Log' }).getByText('part 2').waitFor();
  const pictures = process.env['DOCKERRUN_TEST_PICTURES'];
  if (pictures !== undefined) {
    mkdirSync(pictures, { recursive: true });
    await flow.getByText(/MB\/s/).waitFor();
    await page.screenshot({ path: `${pictures}/run.png` });
  }
  await lab.release('watched');
  await page.getByRole('region', { name: 'Log' }).getByText('part 6').waitFor();
  await page.getByRole('heading', { level: 1, name: /watched .*Succeeded/ }).waitFor();
  await flow.getByText('exit code 0').waitFor();
  const result = page.getByRole('link', { name: 'left.txt' });
  assert.match((await result.getAttribute('href')) ?? '', new RegExp(`#item/${itemId}$`));
  assert.equal(problems, []);
  await context.close();
});

test.run();
