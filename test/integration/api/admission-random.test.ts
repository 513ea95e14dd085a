import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { policyOptionNames } from '../../../src/api/docker/option-risks.ts';
import { imagePattern as imageSyntax, plainAddress } from '../../../src/api/policy/patterns.ts';
import { parsePolicySpec, policyFor, refusedByPolicy } from '../../../src/controller/policy/policy.ts';
import { specOf } from '../../fixtures/builders.ts';
import { AdmissionLab } from './admission-lab.ts';

const [policyCount, runsOfEach] = [8, 25];
/** The same policies and runs each time; another seed is for looking further. */
const seed = Number(process.env['SEED'] ?? 20_260_102);

const text = (...parts: string[]) =>
  fc.array(fc.constantFrom(...parts), { minLength: 1, maxLength: 6 }).map((all) => all.join(''));
const path = text('/', 'srv', '/data', '/x', 'y', '//').map((rest) => `/${rest}`);
const imagePattern = text(
  'a',
  'busybox',
  '/',
  'docker.io/',
  'library/',
  ':1',
  '*',
  'b',
  '@sha256:ab',
  '.org/',
).filter((pattern) => imageSyntax.test(pattern));
const image = text(
  'a',
  'busybox',
  '/',
  'docker.io/',
  'index.docker.io/',
  'library/',
  ':1',
  'b',
  '@sha256:ab',
  '.org/',
);
const hosts = ['http://a.org', 'https://a.org:443', 'http://A.org:80', 'https://a.org'] as const;
const address = (rest: string[]) =>
  fc.tuple(fc.constantFrom(...hosts), text(...rest)).map((both) => both.join(''));
const root = address(['/', 'x', '/y', '/..a', '/%2e']).filter((url) => plainAddress.test(url));
const streamUrl = address(['/', 'x', '/y', '/..', '/.', '?', '#', '\\', '%2e', '%2F', '@', ':80']);
const girderUrl = address(['/', 'x', '/api']);

const maybe = <Item>(item: fc.Arbitrary<Item>) => fc.option(item, { nil: undefined, freq: 1 });
const some = <Item>(item: fc.Arbitrary<Item>) => fc.array(item, { maxLength: 3 });
const allowances = {
  hostPaths: maybe(some(fc.record({ pathPrefix: path, readOnly: fc.boolean() }))),
  images: maybe(some(imagePattern)),
  girderApiUrls: maybe(some(girderUrl)),
  streamUrls: maybe(some(root)),
  dockerOptions: maybe(
    some(
      fc.record({
        option: fc.constantFrom(...policyOptionNames),
        values: maybe(
          some(fc.constantFrom<string | number>('host', 'x', -1, 5000, 'SYS_PTRACE', 'cap_kill', 'gpu')),
        ),
      }),
    ),
  ),
};
const names = fc.array(fc.constantFrom('*', 'policy-*', '*-one', 'nosuch', 'p*y-*-o*e'), {
  minLength: 1,
  maxLength: 2,
});
const policy = fc.record({ ...allowances, namespaces: maybe(some(fc.record({ names, ...allowances }))) });

const mode = fc.constantFrom('rw' as const, 'ro' as const);
const list = some(fc.constantFrom('x', 'SYS_PTRACE', 'CAP_kill', 'kill'));
/** Of several keys that are refused, either may be told first. */
const map = fc.constantFrom('x', 'io.kubernetes.x', 'host').map((key) => ({ [key]: 'v', 'y.z': 'v' }));
const docker = fc.record(
  {
    capAdd: list,
    volumesFrom: list,
    labels: map,
    sysctls: fc.constantFrom({}, { x: 1 }),
    pidsLimit: fc.constantFrom(-1, 0, 1, 4096, 5000),
    oomScoreAdj: fc.constantFrom(-1, 0, 1),
    ipcMode: fc.constantFrom('host', 'none'),
    networkMode: fc.constantFrom('host', 'x', 'bridge'),
    privileged: fc.boolean(),
    deviceRequests: some(
      fc.record(
        {
          driver: fc.constantFrom('nvidia', 'x'),
          deviceIds: list,
          capabilities: some(some(fc.constantFrom('gpu', 'x'))),
        },
        { requiredKeys: [] },
      ),
    ),
  },
  { requiredKeys: [] },
);
const id = '0123456789abcdef01234567';
type RandomVolume = { name: string; hostPath: string; mode: 'rw' | 'ro'; isTemporary: boolean };
const volumeOf = ({ name, hostPath, mode, isTemporary }: RandomVolume) =>
  isTemporary
    ? { name, temporary: { hostDir: hostPath } }
    : { name, bindMount: { hostPath, containerPath: '/d', mode } };
const volumes = fc.uniqueArray(
  fc.record({ name: fc.constantFrom('a', 'b'), hostPath: path, mode, isTemporary: fc.boolean() }),
  { selector: ({ name }) => name, maxLength: 2 },
);
const uses = fc
  .record({ docker, volumes, dockerPath: path, streamUrl, girderUrl, mode, place: fc.nat(2) })
  .map(({ docker, volumes, dockerPath, streamUrl, girderUrl, mode, place }) => {
    const girder = { apiUrl: girderUrl, credentialsSecretRef: { name: 'g' } };
    const url = { chunkedTransferEncodingStream: { url: streamUrl } };
    const declared = (name: string) => (volumes.some((one) => one.name === name) ? name : 'temporaryVolume');
    const upload = { volumePath: 'p', folderId: id, deleteFile: place === 2 };
    return {
      docker: { docker },
      volumes: { volumes: volumes.map(volumeOf) },
      dockerVolumes: { dockerVolumes: { [dockerPath]: { bind: '/e', mode } } },
      streams: {
        transforms: [{ name: 's', connect: { input: { containerStdOut: {} }, output: url } }],
      },
      girder: {
        girder,
        volumes: volumes.map(volumeOf),
        transforms: [
          {
            name: 'f',
            girderFileIdToVolume: { fileId: id, ...(place === 1 ? { volume: declared('a') } : {}) },
          },
          { name: 'p', volumePath: { filename: 'x', volume: declared('b') } },
        ],
        girderResultHooks: [{ girderUploadVolumePathToFolder: upload }],
      },
    };
  });
const kinds = ['docker', 'volumes', 'dockerVolumes', 'streams', 'girder'] as const;
const run = fc
  .tuple(uses, fc.constantFrom(...kinds), fc.constantFrom(...kinds), fc.oneof(fc.constant('busybox'), image))
  // Streams last would take the place of what the hooks upload.
  .map(([use, one, other, image]) =>
    other === 'streams' ? { image, ...use[other], ...use[one] } : { image, ...use[one], ...use[other] },
  );

/** Without what is undefined, as JSON is. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test(`whatever the policy and the run, the controller and the API server agree, to the word (SEED=${seed})`, async () => {
  await using lab = await AdmissionLab.open();
  const sites = [];
  for (const spec of fc.sample(policy, { seed, numRuns: policyCount })) {
    sites.push(await lab.site(JSON.stringify(plain(spec)), sites.length % 2 === 0 ? 'one' : 'two'));
  }
  await lab.ready();
  const verdicts = { allowed: 0, refused: 0 };
  const runs = fc.sample(run, { seed, numRuns: policyCount * runsOfEach });
  for (const [index, spec] of runs.entries()) {
    const site = sites[index % policyCount];
    assert.ok(site);
    const counts = policyFor(site.namespace, parsePolicySpec(site.spec));
    const sentence = refusedByPolicy(specOf(spec), counts)?.sentence;
    verdicts[sentence === undefined ? 'allowed' : 'refused'] += 1;
    assert.is(await lab.refusal(site, spec), sentence, JSON.stringify({ counts, spec }));
  }
  assert.ok(verdicts.allowed > 0 && verdicts.refused > 0, JSON.stringify(verdicts));
});

test.run();
