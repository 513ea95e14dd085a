import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseDocuments } from '../../../src/cli/offline/manifest.ts';
import { environment } from '../../e2e/support/environment.ts';
import { execute } from '../../e2e/support/shell.ts';

const scalars = [
  'yes',
  'No',
  'on',
  'OFF',
  'true',
  'TRUE',
  'y',
  'n',
  'null',
  '~',
  'Null',
  '',
  '0644',
  '0o644',
  '0x1F',
  '0b101',
  '1_000',
  '1:30',
  '12:30:45',
  '2026-01-01',
  '2026-01-01T00:00:00Z',
  '1e3',
  '1.5',
  '.5',
  '+1',
  '-0',
  '08',
  '9007199254740991',
  '"yes"',
  "'0644'",
  '5f0c6f6e9ab2b0a1c3d4e5f6',
  '123456789012345678901234',
  '1.4',
  '1.4.0',
  '|\n    a\n    b\n',
  '>-\n    a\n    b\n',
  '!!str 12',
  '{a: 1, b: [x, "y"]}',
  '"\\u00e9\\x41"',
];

/** How kubectl parses a manifest, without a check of its fields by the API server. */
async function kubectl(manifest: string): Promise<{ spec: unknown } | undefined> {
  environment('KUBECONFIG');
  const args = ['create', '--dry-run=client', '--validate=false', '--output=json', '-f', '-'];
  const { code, stdout } = await execute('kubectl', args, { input: manifest });
  return code === 0 ? (JSON.parse(stdout.toString()) as { spec: unknown }) : undefined;
}

const head = 'apiVersion: dockerrun.dev/v1alpha1\nkind: DockerRun\nmetadata: {name: a}\n';

test('a scalar is parsed as kubectl parses it', async () => {
  const values = scalars.map((scalar, index) => `  v${index}: ${scalar}\n`).join('');
  const manifest = `${head}spec:\n${values}`;
  const theirs = (await kubectl(manifest))?.spec as Record<string, unknown>;
  const [ours] = parseDocuments(manifest, 'f.yaml') as { spec: Record<string, unknown> }[];
  for (const [index, scalar] of scalars.entries()) {
    assert.equal(ours?.spec[`v${index}`], theirs[`v${index}`], scalar);
  }
});

test('anchors and merge keys are parsed as kubectl parses them', async () => {
  const manifest = `${head}spec:\n  base: &base {a: 1, b: 2}\n  other: {<<: *base, b: 3}\n  same: *base\n`;
  const [ours] = parseDocuments(manifest, 'f.yaml');
  assert.equal((ours as { spec: unknown }).spec, (await kubectl(manifest))?.spec);
});

test.run();
