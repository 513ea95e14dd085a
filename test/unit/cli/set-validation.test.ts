import { globSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setKind } from '../../../src/api/names.ts';
import { chooseRun, manifestOf, parseDocuments } from '../../../src/cli/offline/manifest.ts';
import { acceptSet } from '../../../src/cli/offline/set-validation.ts';

const girder = { apiUrl: 'https://data.example.org/api/v1', credentialsSecretRef: { name: 'girder' } };
const folder = (path: string) => ({ folder: { path } });
const spec = {
  girder,
  source: folder('/collection/a/in'),
  results: folder('/collection/a/out'),
  template: { spec: { image: 'a', args: ['$(item)', '$(result)', '$(item.meta.stain)'] } },
};
const set = (more: object, metadata: object = { name: 'nuclei' }) => ({
  apiVersion: 'dockerrun.dev/v1alpha1',
  kind: setKind,
  metadata,
  spec: { ...spec, ...more },
});
const template = (more: object) => set({ template: { spec: { image: 'a', ...more } } });

test('a valid set gets the defaults of the API server, in its template as well', () => {
  const { namespace, name, spec: accepted } = acceptSet(set({}), 'f.yaml');
  assert.equal([namespace, name], ['default', 'nuclei']);
  assert.equal([accepted.parallelism, accepted.retries, accepted.canary], [10, 2, 3]);
  assert.equal([accepted.source.each, accepted.results.place], ['Item', 'Mirror']);
  assert.is(accepted.template.spec.backoffLimit, 0);
});

test('a template may use Girder, its inputs and its own names', () => {
  const transforms = [
    { name: 'weights', girderFolderIdToVolume: { folderId: '5f0c0000000000000000000a' } },
    { name: 'again', girderFileIdToVolume: { fileId: '$(item.file.id)' } },
  ];
  const args = ['$(weights)', '$(again)', '$(item)', '$(item.name)', '$(result)'];
  assert.is(acceptSet(template({ args, transforms }), 'f.yaml').spec.template.spec.image, 'a');
});

for (const [what, bad, sentence] of [
  ['an unknown field', set({ paralelism: 3 }), 'f.yaml: unknown field "spec.paralelism"'],
  [
    'an unknown field of the template',
    template({ arg: [] }),
    'f.yaml: unknown field "spec.template.spec.arg"',
  ],
  ['a wrong type', set({ parallelism: 'many' }), /^f\.yaml: spec\.parallelism must be integer$/],
  ['no image', set({ template: { spec: {} } }), /^f\.yaml: spec\.template\.spec must have .*image/],
  [
    'both watch and schedule',
    set({ watch: { every: '10m' }, schedule: { cron: '0 2 * * *' } }),
    /^f\.yaml: spec: set watch or schedule, not both/,
  ],
  [
    'a folder without a place',
    set({ source: { folder: {} } }),
    /spec\.source\.folder: set exactly one of id, path/,
  ],
  [
    'results beside the input and in a folder',
    set({ results: { ...folder('/collection/a/out'), place: 'Input' } }),
    /spec\.results: set folder, unless place is Input/,
  ],
  ['girder in the template', template({ girder }), /spec\.template: forEach and girder of the template/],
  [
    'a name that nothing declares',
    template({ args: ['$(itme)'] }),
    /^f\.yaml: spec\.template\.spec\.args\[0\]: \$\(itme\) is not /,
  ],
  [
    'an address of Girder with a password',
    set({ girder: { ...girder, apiUrl: 'https://a:b@c/api/v1' } }),
    /^f\.yaml: spec\.girder\.apiUrl: it /,
  ],
  ['no name', set({}, {}), 'f.yaml: metadata.name is missing'],
] as const) {
  test(`${what} is refused with the file and the field`, () => {
    try {
      acceptSet(bad, 'f.yaml');
      assert.unreachable();
    } catch (error) {
      const { message } = error as Error;
      if (typeof sentence === 'string') assert.is(message, sentence);
      else assert.match(message, sentence);
    }
  });
}

const filledIn = (text: string) =>
  text
    .replaceAll('${GIRDER_API_URL}', 'https://data.example.org/api/v1')
    .replaceAll(/\$\{PATH[A-Z_]*\}/g, '/collection/Study-7')
    .replaceAll(/\$\{IMAGE\}/g, 'a');

const examples = globSync('examples/**/*.yaml').filter((path) =>
  readFileSync(path, 'utf8').includes(`kind: ${setKind}\n`),
);

test('there are examples of sets', () => {
  assert.ok(examples.includes('examples/set.yaml'));
});

for (const path of examples) {
  test(`the DockerRunSet in ${path} is accepted`, () => {
    const manifest = manifestOf(parseDocuments(filledIn(readFileSync(path, 'utf8')), path), path);
    assert.not.throws(() => acceptSet(chooseRun(manifest, undefined), path));
  });
}

test.run();
