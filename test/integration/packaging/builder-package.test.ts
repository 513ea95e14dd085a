import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import * as assert from 'uvu/assert';
import { pageBlock } from '../../fixtures/page-blocks.ts';
import { ProjectCopy } from '../../fixtures/project-copy.ts';
import { test } from '../../fixtures/suite.ts';

/** What `npm pack` makes, unpacked into an empty project beside which there is no other package. */
let copy: ProjectCopy;
let project: string;

test.before(() => {
  copy = new ProjectCopy('builder');
  copy.node('scripts/bundle.ts');
  project = mkdtempSync(join(tmpdir(), 'dockerrun-program-'));
  const installed = join(project, 'node_modules/dockerrun');
  mkdirSync(installed, { recursive: true });
  const packed = execFileSync(
    'npm',
    ['pack', './dist', '--ignore-scripts', '--silent', '--pack-destination', project],
    {
      cwd: copy.folder,
      encoding: 'utf8',
      timeout: 120_000,
    },
  );
  execFileSync('tar', ['-xzf', join(project, packed.trim()), '--strip-components=1', '-C', installed]);
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
});

test.after(() => {
  copy?.[Symbol.dispose]();
  if (project !== undefined) rmSync(project, { recursive: true, force: true });
});

/** The TypeScript of the page, without what needs cdk8s. */
const programOfThePage = () => pageBlock('docs/writing-manifests.md', "from 'dockerrun'");

function typeProblems(program: string): string {
  writeFileSync(join(project, 'program.ts'), program);
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--lib',
    'es2022,dom',
  ];
  const tsc = resolve('node_modules/typescript/bin/tsc');
  return spawnSync(process.execPath, [tsc, ...options, 'program.ts'], {
    cwd: project,
    encoding: 'utf8',
    timeout: 120_000,
  }).stdout;
}

test('the program of the page has no problem of types, runs, and prints a manifest', () => {
  const program = programOfThePage();
  assert.is(typeProblems(program), '');
  const printed = execFileSync(process.execPath, ['program.ts'], {
    cwd: project,
    encoding: 'utf8',
    timeout: 60_000,
  });
  const manifest = JSON.parse(printed) as { spec: { args: string[] } };
  assert.equal(manifest.spec.args.slice(1), ['sh', '$(file-1)', '$(stream-1)', '$(path-1)']);
});

test('TypeScript finds an option that does not exist, and a pair of ends that cannot be connected', () => {
  const program = programOfThePage();
  assert.match(typeProblems(program.replace('shmSize:', 'shmSise:')), /error TS\d+: .*'shmSise'/);
  const wrong = program.replace("new NamedInputPipe('stream')", "new VolumePath('stream')");
  assert.match(typeProblems(wrong), /error TS2345: .*'VolumePath'/);
});

test('the package has the schemas by the names of the page', () => {
  const script =
    "import schema from 'dockerrun/schemas/manifest.json' with { type: 'json' }; console.log(schema.title);";
  writeFileSync(join(project, 'schema.mjs'), script);
  const title = execFileSync(process.execPath, ['schema.mjs'], {
    cwd: project,
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.match(title, /DockerRunSet/);
});

test.run();
