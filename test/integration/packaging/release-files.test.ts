import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { version } from '../../../src/support/version.ts';
import { CommittedCopy } from '../../fixtures/committed-copy.ts';
import { chart, helm } from '../../fixtures/helm.ts';
import { pageBlock } from '../../fixtures/page-blocks.ts';
import { ScratchDirectory } from '../../fixtures/scratch-directory.ts';
import { test } from '../../fixtures/suite.ts';

const commandMs = 120_000;
const withoutImage = { WITHOUT_IMAGE: '1' };
let one: CommittedCopy;
let another: CommittedCopy;
let scratch: ScratchDirectory;

test.before(() => {
  scratch = new ScratchDirectory('release');
  one = new CommittedCopy('release');
  another = new CommittedCopy('release-in-another-clone');
  one.release(withoutImage);
  // As after a checkout with another umask, which Git does not see.
  for (const path of ['deploy', 'schemas']) run('chmod', ['--recursive', 'u=rwX,go=', path], another.folder);
  another.release({ ...withoutImage, TZ: 'America/New_York' });
});
test.after(() => {
  one?.[Symbol.dispose]();
  another?.[Symbol.dispose]();
  scratch?.[Symbol.dispose]();
});

const released = (name: string) => join(one.folder, 'release', name);
const read = (name: string) => readFileSync(released(name), 'utf8');
const npmPackage = () => released(`dockerrun-${version}.tgz`);
const chartPackage = () => released(`dockerrun-chart-${version}.tgz`);

/** The paths of the files in a package, without its folders. */
function filesIn(archive: string): string[] {
  const listed = execFileSync('tar', ['--list', '--gzip', '--file', archive], { encoding: 'utf8' });
  return listed
    .split('\n')
    .filter((path) => path !== '' && !path.endsWith('/'))
    .toSorted();
}

/** The output of a command in the first clone. */
function run(command: string, args: readonly string[], cwd = one.folder): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', timeout: commandMs });
}

/** What a release that is refused prints. */
function refusal(copy: CommittedCopy, settings: Record<string, string>): string {
  try {
    copy.release({ ...withoutImage, ...settings });
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
  throw new Error('the release was made');
}

test('two clones of a commit make the same release, byte for byte', () => {
  assert.is(one.git('rev-parse', 'HEAD'), another.git('rev-parse', 'HEAD'));
  const sums = one.releasedSums();
  assert.equal(Object.keys(sums).toSorted(), [
    'RELEASE-NOTES.md',
    'SHA256SUMS',
    'crds.yaml',
    `dockerrun-${version}.spdx.json`,
    `dockerrun-${version}.tgz`,
    `dockerrun-chart-${version}.tgz`,
    `dockerrun-schemas-${version}.tgz`,
    'install.yaml',
    'policy.yaml',
  ]);
  assert.equal(another.releasedSums(), sums);
});

test('sha256sum finds each file of the release as SHA256SUMS lists it', () => {
  const checked = run('bash', ['-euc', pageBlock('docs/releases.md', 'sha256sum --check')]);
  assert.is(checked.match(/: OK$/gm)?.length, Object.keys(one.releasedSums()).length - 1);
});

test('the npm package has the files that npm packs, and runs in an empty folder', () => {
  const packed = run('npm', ['pack', './dist', '--silent', '--pack-destination', scratch.path]).trim();
  assert.equal(filesIn(npmPackage()), filesIn(join(scratch.path, packed)));
  assert.ok(filesIn(npmPackage()).includes('package/LICENSE'));
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', npmPackage()], scratch.path);
  const printed = run(join(scratch.path, 'node_modules/.bin/dockerrun'), ['--version'], scratch.path);
  assert.is(printed, `dockerrun ${version} (${one.git('rev-parse', 'HEAD')})\n`);
});

test('the chart has the files that Helm packs, and renders what the chart of the commit renders', async () => {
  await helm(['package', chart, '--destination', scratch.path]);
  assert.equal(filesIn(chartPackage()), filesIn(join(scratch.path, `dockerrun-${version}.tgz`)));
  const render = (of: string) => helm(['template', 'dockerrun', of, '--namespace', 'dockerrun-system']);
  assert.ok((await render(chartPackage())) === (await render(chart)), 'the two render different manifests');
});

test('the manifests, the definitions and the schemas are those of the commit', () => {
  for (const name of ['install.yaml', 'policy.yaml'])
    assert.ok(read(name) === readFileSync(`deploy/${name}`, 'utf8'), name);
  assert.is(read('crds.yaml').match(/^kind: CustomResourceDefinition$/gm)?.length, 3);
  assert.ok(filesIn(released(`dockerrun-schemas-${version}.tgz`)).includes('schemas/dockerrun.json'));
});

test('the notes are the section of the version in the changelog', () => {
  const notes = read('RELEASE-NOTES.md').split('\n');
  assert.is(notes[0], '# DockerRun Unreleased');
  const changelog = readFileSync('CHANGELOG.md', 'utf8').split('\n');
  assert.ok(notes.length > 10);
  for (const line of notes.slice(1))
    assert.ok(changelog.includes(line) || changelog.includes(`#${line}`), line);
});

test('a version without a section in the changelog is refused', () => {
  assert.match(
    refusal(another, { VERSION: version }),
    new RegExp(`^make release: CHANGELOG\\.md has no section for ${version.replaceAll('.', '\\.')} `),
  );
  assert.match(
    refusal(another, { VERSION: '999.0.0' }),
    /^make release: VERSION=999\.0\.0 is not the version of package\.json/,
  );
});

test('a tree that differs from its commit is refused, whether a file is changed or new', () => {
  const added = join(another.folder, 'src/new.ts');
  writeFileSync(added, '');
  assert.match(refusal(another, {}), /^make release: .* not in it: src\/new\.ts; commit them/);
  rmSync(added);
  writeFileSync(join(another.folder, 'LICENSE'), 'another\n');
  assert.match(refusal(another, {}), /^make release: .* not in it: LICENSE; commit them/);
});

test.run();
