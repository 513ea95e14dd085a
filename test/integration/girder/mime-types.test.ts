import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mimeTypeOf } from '../../../src/girder/file-names.ts';
import { girderVenv } from '../../cluster/install/girder-venv.ts';

/** Without the files of the machine, which differ from one to another. */
const script = `
import json, mimetypes, sys
table = mimetypes.MimeTypes(filenames=())
names = ['a' + extension for extension in {**table.types_map[1], **table.suffix_map}] + json.load(sys.stdin)
print(json.dumps({name: table.guess_type(name)[0] for name in names}))`;

const usual = [
  'b.csv.gz',
  'c.tar.xz',
  'd.nii.gz',
  'e.svs',
  'f.nrrd',
  'g.mha',
  'h.NRRD',
  'I.PNG',
  'j.ome.tif',
  'README',
];

test('the type of a name is the one that Girder’s own client finds with Python', () => {
  const python = join(girderVenv(), 'bin', 'python');
  const printed = execFileSync(python, ['-c', script], { input: JSON.stringify(usual), encoding: 'utf8' });
  const found = Object.entries(JSON.parse(printed) as Record<string, string | null>);
  assert.ok(found.length > 100);
  // A name without a better type has this one in Girder anyway.
  const named = found.filter(([, type]) => type !== 'application/octet-stream');
  const ours = named.map(([name]) => [name, mimeTypeOf(name) ?? null]);
  assert.equal(ours, named);
});

test.run();
