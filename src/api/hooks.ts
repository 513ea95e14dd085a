import { Type } from 'typebox';
import { anyObject, girderId, plainName } from './fields.ts';
import { exactlyOneOf, enumOf } from './keywords.ts';

const source = {
  volumePath: Type.String({
    description:
      'The name of the volumePath transform, or of the volume, whose file or directory is uploaded.',
    minLength: 1,
    maxLength: 63,
  }),
};

const uploadOptions = {
  filename: Type.Optional(
    plainName('The name of the file in Girder, when not a directory is uploaded; its own name when absent.'),
  ),
  mimeType: Type.Optional(
    Type.String({ description: 'The MIME type of the files in Girder.', minLength: 1, maxLength: 255 }),
  ),
  reference: Type.Optional(
    Type.String({ description: "A text that Girder hands to its plugins' listeners.", maxLength: 4096 }),
  ),
  metadata: Type.Optional(anyObject('Metadata that every item with an uploaded file gets.')),
  deleteFile: Type.Boolean({
    description: 'Whether what was uploaded is deleted from the volume afterwards.',
    default: false,
  }),
};

const girderUploadVolumePathToItem = Type.Object(
  {
    ...source,
    itemId: girderId('the item that gets the file; a file of the same name in it is replaced'),
    ...uploadOptions,
  },
  {
    description:
      'Uploads a file that the target wrote, or the files of a directory but not of its subdirectories, into an item of Girder.',
  },
);

const girderUploadVolumePathToFolder = Type.Object(
  {
    ...source,
    folderId: girderId('the folder that gets an item for each file; items and folders that exist are used'),
    ...uploadOptions,
  },
  {
    description:
      'Uploads a file that the target wrote, or all that is in a directory, into a folder of Girder.',
  },
);

/** Everything that a result hook can be. */
export const hookKinds = { girderUploadVolumePathToItem, girderUploadVolumePathToFolder } as const;

/** What is uploaded when the target ended. */
export const girderResultHook = Type.Object(
  {
    girderUploadVolumePathToItem: Type.Optional(girderUploadVolumePathToItem),
    girderUploadVolumePathToFolder: Type.Optional(girderUploadVolumePathToFolder),
    when: enumOf(['OnSuccess', 'OnFailure', 'Always'], {
      description:
        'Whether it is done when the run is a success so far, a failure, or both. Nothing is uploaded once a run is cancelled.',
      default: 'OnSuccess',
    }),
    optional: Type.Boolean({
      description: 'Whether it is fine when the target left nothing there.',
      default: false,
    }),
  },
  exactlyOneOf(Object.keys(hookKinds)),
);

export type GirderResultHook = Type.Static<typeof girderResultHook>;
