import { randomBytes } from 'node:crypto';
import * as assert from 'uvu/assert';
import { environment } from '../support/environment.ts';
import { concurrentTest } from '../support/concurrent-tests.ts';
import { girderOf, succeeds } from '../support/job-run.ts';
import { aFile, anItem, download, filesOf, girder, sha256 } from '../support/girder.ts';
import { Lab, type Manifest } from '../support/runs.ts';
import { FaultyGirder } from './faulty-girder.ts';
import { writingTarget } from './writing-target.ts';

/** Defects of the original with downloads and uploads; see docs/defects.md. */

const mebibyte = 2 ** 20;
const test = concurrentTest();
let lab: Lab;

test.before(async () => {
  lab = await Lab.open('transfers-of-old');
});
test.after(() => lab?.close());

async function onlyFileOf(itemId: string): Promise<Buffer> {
  const files = await filesOf(itemId);
  assert.is(files.length, 1);
  return download(files[0]?._id ?? '');
}

for (const when of ['OnFailure', 'Always']) {
  test(`D9: a hook with when: ${when} uploads the result of a failed target`, async () => {
    const itemId = await anItem(when);
    const name = when.toLowerCase();
    await lab.run(name, writingTarget('echo why > $1; exit 3', itemId, { when }));
    const status = await lab.ended(name);
    assert.is(status.reason, 'TargetFailed', status.message);
    assert.is(status.target?.exitCode, 3);
    assert.is((await onlyFileOf(itemId)).toString(), 'why\n');
  });
}

test('D12: transfers that break off or get HTTP errors are resumed without losing a byte', async () => {
  await using faulty = await FaultyGirder.start();
  const { proxy } = faulty;
  proxy.fail('GET', '/download', { cutAnswerAfter: mebibyte });
  proxy.fail('GET', '/download', { status: 503 });
  proxy.fail('POST', '/file/chunk', { cutRequestAfter: mebibyte, reset: true });
  proxy.fail('POST', '/file/chunk', { status: 502 });
  const bytes = randomBytes(3 * mebibyte);
  const [fileId, itemId] = [await aFile('in.bin', bytes), await anItem('resumed')];
  const { transforms, ...spec } = writingTarget('cp $2 $1', itemId);
  await lab.run('resumed', {
    ...spec,
    args: ['$(out)', '$(in)'],
    transforms: [...(transforms as Manifest[]), { name: 'in', girderFileIdToVolume: { fileId } }],
    girder: girderOf({ apiUrl: faulty.apiUrl }),
  });
  await succeeds(lab, 'resumed');
  assert.is(sha256(await onlyFileOf(itemId)), sha256(bytes));
  const ranges = proxy.requests('GET', '/download').map(({ headers }) => headers.range);
  assert.ok(
    ranges.some((range) => range !== undefined && range !== 'bytes=0-'),
    `no download was resumed: ${ranges.join()}`,
  );
  assert.ok(proxy.requests('POST', '/file/chunk').length > 2);
});

test('D16: the status lists what was uploaded to Girder', async () => {
  const itemId = await anItem('results');
  await lab.run('results', writingTarget('printf result > $1', itemId));
  const { results } = await succeeds(lab, 'results');
  const [file] = await filesOf(itemId);
  const url = `${environment('GIRDER_API_URL').replace('/api/v1', '')}/#item/${itemId}`;
  const expected = { name: 'out.txt', size: 6, sha256: sha256(Buffer.from('result')), url };
  assert.equal(results, [{ hook: 0, itemId, fileId: file?._id, ...expected }]);
});

test('D18: a result of the same size with other content replaces the file in Girder', async () => {
  const itemId = await anItem('same size');
  const query = `parentType=item&parentId=${itemId}&name=out.txt&size=4`;
  await girder('POST', `file?${query}`, Buffer.from('old!'));
  await lab.run('same-size', writingTarget('printf new! > $1', itemId));
  await succeeds(lab, 'same-size');
  assert.is((await onlyFileOf(itemId)).toString(), 'new!');
});

test.run();
