import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { mimeTypeOf } from '../../../src/girder/file-names.ts';

const types: Readonly<Record<string, string | undefined>> = {
  'a.png': 'image/png',
  'b.csv': 'text/csv',
  'c.json': 'application/json',
  'd.tif': 'image/tiff',
  'scan.OME.TIFF': 'image/tiff',
  'series.dcm': 'application/dicom',
  'model.h5': 'application/x-hdf5',
  'page.xml': 'text/xml',
  'table.csv.gz': 'text/csv',
  'all.tgz': 'application/x-tar',
  'all.tar.bz2': 'application/x-tar',
  'picture.svgz': 'image/svg+xml',
  // A viewer knows these by their names.
  'brain.nii.gz': undefined,
  'slide.svs': undefined,
  'ct.nrrd': undefined,
  'ct.mha': undefined,
  'e.unknown': undefined,
  README: undefined,
  '.png': undefined,
  'a.': undefined,
  '..': undefined,
  '': undefined,
  'x.constructor': undefined,
  'x.__proto__': undefined,
};

for (const [name, type] of Object.entries(types)) {
  test(`the type of ${JSON.stringify(name)} is ${type ?? 'not known'}`, () => {
    assert.is(mimeTypeOf(name), type);
  });
}

test.run();
