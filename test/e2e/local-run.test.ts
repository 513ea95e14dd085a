import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { environment } from './support/environment.ts';
import { aFile, anItem, download, filesOf } from './support/girder.ts';
import { LocalLab } from './support/local-run.ts';

let lab: LocalLab;
const girder = () => ({ apiUrl: environment('GIRDER_API_URL'), credentialsSecretRef: { name: 'girder' } });
const secret = (name: string, stringData: object) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData,
});

test.before(async () => {
  lab = await LocalLab.open();
});
test.after(() => lab[Symbol.asyncDispose]());

test('the output of the target is passed through unchanged, and its exit code becomes that of the command', async () => {
  const script = 'head -c 3000000 /dev/zero | tr "\\0" "\\377"; printf "err\\000no end" >&2; exit 7';
  const file = await lab.file(lab.run({ command: ['sh', '-c', script] }));
  const { code, stdout, stderr } = await lab.dockerrun(['run', file, '--quiet']);
  assert.is(code, 7);
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  assert.is(sha256(stdout), sha256(Buffer.alloc(3_000_000, 0xff)));
  const failure = "failed (TargetFailed): the target ended with exit code 7. See the target's output above.";
  assert.is(stderr, `err\0no end\ndockerrun: ${failure}\n`);
  assert.equal(await lab.left(), []);
});

test('a file of Girder is downloaded, the result is uploaded, and the command prints its ids', async () => {
  const [fileId, itemId] = [await aFile('in.txt', Buffer.from('data')), await anItem('local')];
  const run = lab.run({
    command: ['sh', '-c', 'ls -ld "$(temporaryVolume)"; cat "$(in)" "$(in)" > "$(out)"'],
    transforms: [
      { name: 'in', girderFileIdToVolume: { fileId } },
      { name: 'out', volumePath: { filename: 'out.txt' } },
    ],
    girderResultHooks: [{ girderUploadVolumePathToItem: { volumePath: 'out', itemId } }],
    girder: girder(),
  });
  const settings = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'settings' } };
  const file = await lab.file(
    settings,
    run,
    secret('girder', { apiKey: `${environment('GIRDER_API_KEY')}\n` }),
  );
  const { code, stdout, stderr } = await lab.dockerrun(['run', file]);
  assert.is(code, 0, stderr);
  assert.match(stdout.toString(), /^drwxrws?rwx .*\/mnt\/girder_worker\/temporary\n$/);
  const [result] = await filesOf(itemId);
  assert.is((await download(result?._id ?? '')).toString(), 'datadata');
  const page = `${environment('GIRDER_API_URL').replace('api/v1', '')}#item/${itemId}`;
  assert.match(
    stderr,
    `dockerrun: result out.txt: file ${result?._id} in item ${itemId} (8 bytes), ${page}\n`,
  );
  assert.match(stderr, 'dockerrun: ignored in ');
  assert.match(stderr, /dockerrun: done: the target ended with exit code 0\n$/);
  assert.ok(stderr.split('\n').every((line) => line === '' || line.startsWith('dockerrun: ')));
  assert.equal(await lab.left(), []);
});

test('credentials and the values of Secrets can come from the environment and from --env-file', async () => {
  const fileId = await aFile('in.txt', Buffer.from('data'));
  const variable = (name: string, secretName: string, key: string) => ({
    name,
    valueFrom: { secretKeyRef: { name: secretName, key } },
  });
  const file = await lab.file(
    lab.run({
      command: ['sh', '-c', 'cat "$(in)"; echo " $A $B $C"'],
      transforms: [{ name: 'in', girderFileIdToVolume: { fileId } }],
      env: [variable('A', 's', 'a'), variable('B', 'other-secret', 'b.c'), variable('C', 's', 'd')],
      girder: girder(),
    }),
    secret('s', { a: 'one' }),
  );
  const envFile = join(lab.directory, 'more.env');
  await writeFile(envFile, 'DOCKERRUN_SECRET_OTHER_SECRET_B_C="two three"\nDOCKERRUN_SECRET_S_D=hidden\n');
  const more = { GIRDER_API_KEY: environment('GIRDER_API_KEY'), DOCKERRUN_SECRET_S_D: 'four' };
  const { code, stdout, stderr } = await lab.dockerrun(['run', file, '--env-file', envFile], more);
  assert.is(code, 0, stderr);
  assert.is(stdout.toString(), 'data one two three four\n');
});

test('the Docker Engine and the directory for volumes can come from --env-file', async () => {
  const file = await lab.file(lab.run({ command: ['true'] }));
  const envFile = join(lab.directory, 'engine.env');
  const runWith = async (lines: string) => {
    await writeFile(envFile, lines);
    const unset = { DOCKER_HOST: undefined, TMPDIR: undefined };
    return lab.dockerrun(['run', file, '--env-file', envFile], unset);
  };
  const good = await runWith(`DOCKER_HOST=${environment('DOCKER_HOST')}\n`);
  assert.is(good.code, 0, good.stderr);
  const noEngine = await runWith('DOCKER_HOST=unix:///nosuch/docker.sock\n');
  assert.is(noEngine.code, 66, noEngine.stderr);
  assert.match(noEngine.stderr, '/nosuch/docker.sock');
  const noDirectory = await runWith(`DOCKER_HOST=${environment('DOCKER_HOST')}\nTMPDIR=/nosuch\n`);
  assert.is(noDirectory.code, 64, noDirectory.stderr);
  assert.match(noDirectory.stderr, 'TMPDIR: cannot create a directory in /nosuch');
});

test('the socket of an engine elsewhere is refused for the engine of this machine', async () => {
  const file = await lab.file(lab.run({ command: ['true'] }));
  const { code, stderr } = await lab.dockerrun(['run', file, '--engine-socket', '/nosuch/docker.sock']);
  assert.is(code, 2, stderr);
  assert.match(stderr, 'set DOCKER_HOST=unix:///nosuch/docker.sock instead, or add --remote');
});

for (const [what, spec, sentence] of [
  ['no credentials for Girder', {}, /neither GIRDER_API_KEY nor GIRDER_TOKEN is set/],
  [
    'a missing key of a Secret',
    { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] },
    /DOCKERRUN_SECRET_S_K/,
  ],
  [
    'a claim',
    { volumes: [{ name: 'm', persistentVolumeClaim: { claimName: 'm', containerPath: '/m' } }] },
    /the PersistentVolumeClaim m does not exist without a cluster.*bindMount/,
  ],
  [
    'a directory that is not there',
    { volumes: [{ name: 'm', bindMount: { hostPath: '/nosuch', containerPath: '/m' } }] },
    /\/nosuch/,
  ],
  [
    'a file where a directory should be',
    {
      volumes: [{ name: 'm', bindMount: { hostPath: '/etc/hostname', containerPath: '/m' } }],
      transforms: [{ name: 'out', volumePath: { volume: 'm', filename: 'out.txt' } }],
    },
    /InvalidSpec.*bindMount\.hostPath: \/etc\/hostname is a file, but .* needs a directory/,
  ],
  ['an image that is not there', { image: 'nosuch:1' }, /nosuch:1/],
] as const) {
  test(`${what}: one sentence and exit code 64, and no container starts`, async () => {
    const transforms = [{ name: 'in', girderFileIdToVolume: { fileId: '0'.repeat(24) } }];
    const uses = what.includes('Girder') ? { transforms, girder: girder() } : {};
    const file = await lab.file(lab.run({ ...uses, ...spec }));
    const { code, stderr } = await lab.dockerrun(['run', file, '--quiet']);
    assert.is(code, 64, stderr);
    assert.match(stderr, /^dockerrun: failed \(\w+\): [^\n]+\n$/);
    assert.match(stderr, sentence);
    assert.equal(await lab.left(), []);
  });
}

test('a bad file, a bad option and an engine without TLS each print one sentence, and only the option exits with 2', async () => {
  const bad = await lab.dockerrun(['run', '-'], {}, stringify(lab.run({ args: ['--in=$(x)'] })));
  assert.is(bad.code, 64);
  assert.match(bad.stderr, /^dockerrun: standard input: spec\.args\[0\]: .*\n$/);
  assert.is((await lab.dockerrun(['run', '--nosuch'])).code, 2);
  const elsewhere = await lab.dockerrun(['run', '-'], { DOCKER_HOST: 'tcp://h:1' }, stringify(lab.run({})));
  assert.is(elsewhere.code, 64);
  assert.match(elsewhere.stderr, /^dockerrun: DOCKER_HOST is tcp:\/\/h:1 without TLS, .*ssh:.*\n$/);
});

test('an engine that does not answer means exit code 66', async () => {
  const DOCKER_HOST = `unix://${lab.directory}/nosuch.sock`;
  const { code, stderr } = await lab.dockerrun(['run', '-', '-q'], { DOCKER_HOST }, stringify(lab.run({})));
  assert.is(code, 66);
  assert.match(stderr, /nosuch\.sock.*DOCKER_HOST/);
  assert.not.match(stderr, 'DOCKERRUN_DOCKER_SOCKET');
});

test('directories of this machine are mounted, even through links, and keep what the target writes', async () => {
  const linked = join(lab.directory, 'tmp');
  await mkdir(join(linked, 'data'));
  const file = await lab.file(
    lab.run({
      command: [
        'sh',
        '-c',
        'echo "$(data)" "$(fast)" "$(here)" > "$(note)"; echo x > /notes/x; touch "$(here)/t"',
      ],
      volumes: [
        {
          name: 'data',
          bindMount: {
            hostPath: join(linked, 'data'),
            containerPath: '/data',
            mode: 'rw',
          },
        },
        { name: 'fast', temporary: {} },
        { name: 'here', temporary: { hostDir: join(linked, 'made', 'for-it') } },
      ],
      dockerVolumes: { [linked]: { bind: '/notes', mode: 'rw' } },
      transforms: [{ name: 'note', volumePath: { filename: 'note.txt', volume: 'data' } }],
    }),
  );
  const { code, stderr } = await lab.dockerrun(['run', file]);
  assert.is(code, 0, stderr);
  const paths = '/data /mnt/girder_worker/volumes/fast /mnt/girder_worker/volumes/here\n';
  assert.is(await readFile(join(lab.directory, 'real', 'data', 'note.txt'), 'utf8'), paths);
  assert.equal((await lab.left()).toSorted(), ['data', 'made', 'x']);
  assert.is(await readFile(join(lab.directory, 'real', 'x'), 'utf8'), 'x\n');
});

test.run();
