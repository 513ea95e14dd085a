import { Type } from 'typebox';
import { anyObject, girderIdOfRun, girderPath, plainName, relativeFile } from './fields.ts';
import { exactlyOneOf, enumOf, rules } from './keywords.ts';

const ifExistsKinds = ['Replace', 'NewItem', 'Fail'] as const;

/** What an upload does when Girder already has its name. */
export type IfExists = (typeof ifExistsKinds)[number];

/** The field of an upload; `names` describes what has the name in Girder. */
export const ifExists = (names: string) =>
  enumOf([...ifExistsKinds], {
    description: `What happens when Girder already has the name. ${names} With Fail, the run fails with FileExists, before the target starts if the name is known by then.`,
    default: 'Replace',
  });

/** In characters. Girder itself takes as much as a request may have; the whole spec has a bound of its own. */
export const maxReferenceLength = 32_768;

const source = {
  volumePath: Type.String({
    description: 'The name of a volumePath transform or of a volume. Its file or directory is uploaded.',
    minLength: 1,
    maxLength: 63,
  }),
};

const uploadOptions = {
  filename: Type.Optional(
    plainName(
      'The name of the file in Girder, for the upload of a single file. Defaults to the name of the file.',
    ),
  ),
  mimeType: Type.Optional(
    Type.String({
      description:
        'The MIME type of the files in Girder. Defaults to the one that the name of each file suggests.',
      minLength: 1,
      maxLength: 255,
    }),
  ),
  reference: Type.Optional(
    Type.String({
      description: 'A text that Girder passes to the event listeners of its plugins.',
      maxLength: maxReferenceLength,
    }),
  ),
  metadata: Type.Optional(anyObject('Metadata to set on every item that receives an uploaded file.')),
  metadataFile: Type.Optional(
    relativeFile(
      'A JSON file of at most 256 KiB that the target writes, in the volume of volumePath. Its object is set as metadata as well; the keys in metadata take precedence.',
    ),
  ),
  deleteFile: Type.Boolean({
    description: 'Whether the uploaded files are deleted from the volume afterwards.',
    default: false,
  }),
  links: Type.Optional(
    enumOf(['Fail', 'Skip', 'Follow'], {
      description:
        'What happens to symbolic links: they fail the upload, are skipped, or are followed inside of the volume. ' +
        'A followed link to a file becomes a file with the name of the link; links to directories are skipped; ' +
        'a link that leads to nothing or out of the volume fails the upload. Defaults to Fail.',
    }),
  ),
};

const girderUploadVolumePathToItem = Type.Object(
  {
    ...source,
    itemId: Type.Optional(girderIdOfRun('the item to upload to')),
    path: Type.Optional(girderPath('the item to upload to')),
    ifExists: ifExists(
      'Replace replaces the contents of the file of that name, or deletes a link file of that name; NewItem adds another file of that name to the item.',
    ),
    ...uploadOptions,
  },
  {
    description:
      'Uploads a file that the target wrote, or the files of a directory without its subdirectories, to an item in Girder.',
    ...exactlyOneOf(['itemId', 'path']),
  },
);

const girderUploadVolumePathToFolder = Type.Object(
  {
    ...source,
    folderId: Type.Optional(
      girderIdOfRun('the folder to upload to', 'Each file becomes an item. Existing folders are reused.'),
    ),
    path: Type.Optional(girderPath('the folder to upload to')),
    createFolder: Type.Optional(
      Type.Boolean({
        description:
          'Whether the folder of path, and the folders on the way to it, are created in Girder before the upload if they do not exist.',
        default: false,
      }),
    ),
    ifExists: ifExists(
      'Replace uploads to the existing item and replaces its file of that name; NewItem makes a new item, which Girder numbers: name (1).',
    ),
    ...uploadOptions,
  },
  {
    description:
      'Uploads a file that the target wrote, or a directory with everything in it, to a folder in Girder.',
    ...rules(...exactlyOneOf(['folderId', 'path'])['x-kubernetes-validations'], {
      rule: '!has(self.createFolder) || !self.createFolder || has(self.path)',
      message: 'createFolder requires path: a folder with an ID exists',
    }),
  },
);

export const hookKinds = { girderUploadVolumePathToItem, girderUploadVolumePathToFolder } as const;

export const girderResultHook = Type.Object(
  {
    girderUploadVolumePathToItem: Type.Optional(girderUploadVolumePathToItem),
    girderUploadVolumePathToFolder: Type.Optional(girderUploadVolumePathToFolder),
    when: enumOf(['OnSuccess', 'OnFailure', 'Always'], {
      description:
        'Whether the upload runs after success, after failure, or always. After a run is cancelled, nothing is uploaded.',
      default: 'OnSuccess',
    }),
    optional: Type.Boolean({
      description: 'Whether the run succeeds even if the target left nothing to upload.',
      default: false,
    }),
  },
  exactlyOneOf(Object.keys(hookKinds)),
);

export type GirderResultHook = Type.Static<typeof girderResultHook>;
