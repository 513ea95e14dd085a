import { Type } from 'typebox';
import { girderId } from './fields.ts';
import { enumOf, mapOf } from './keywords.ts';

/** Items of one run: more would not fit into the bound of a spec, and a lost pod would repeat too much. */
export const maxForEachItems = 100;

/** The longest name that Girder keeps for an item on every file system, plus the suffix of a result. */
const maxResultName = 400;

const forEachItem = Type.Object({
  id: girderId('the input, an item or a folder'),
  name: Type.String({ description: 'The name of the input in Girder.', minLength: 1, maxLength: 255 }),
  recipe: Type.String({
    description:
      'The digest of what makes the result of the input, apart from the bytes of its files: SHA-256 in hexadecimal.',
    pattern: '^[0-9a-f]{64}$',
    maxLength: 64,
  }),
  updated: Type.Optional(
    Type.String({ description: 'When the input was last changed, as Girder lists it.', maxLength: 64 }),
  ),
  size: Type.Optional(
    Type.Integer({
      description: 'The bytes of the input, as Girder lists them.',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
    }),
  ),
  values: Type.Optional(
    mapOf(Type.String({ maxLength: 4096 }), {
      description:
        'The values of the $(item.…) names that the run uses, such as item.name or item.meta.stain.',
      maxProperties: 64,
    }),
  ),
  attempts: Type.Optional(
    Type.Integer({
      description: 'How many attempts for the input have failed before, since its recipe last changed.',
      minimum: 0,
      maximum: 1000,
    }),
  ),
  result: Type.Object(
    {
      folderId: girderId('the folder of the result item'),
      name: Type.String({
        description: 'The name of the result item.',
        minLength: 1,
        maxLength: maxResultName,
      }),
    },
    { description: 'The item in Girder that receives the result, the log and the receipt.' },
  ),
});

/** `spec.forEach` of a DockerRun: what makes it a chunk of a DockerRunSet. */
export const forEach = Type.Object(
  {
    set: Type.Object(
      {
        name: Type.String({ description: 'The name of the DockerRunSet.', minLength: 1, maxLength: 253 }),
        namespace: Type.String({ description: 'The namespace of it.', minLength: 1, maxLength: 253 }),
      },
      { description: 'The owner of the results: a receipt of another set is never replaced.' },
    ),
    version: Type.Optional(
      Type.String({ description: 'The version of the set, for the receipts.', maxLength: 256 }),
    ),
    each: enumOf(['Item', 'Folder'], {
      description: 'What the inputs are: items, or folders with everything in them.',
      default: 'Item',
    }),
    log: enumOf(['Always', 'OnFailure', 'Never'], {
      description: 'When the output of the target becomes log.txt in the result item.',
      default: 'Always',
    }),
    isCautious: Type.Boolean({
      description:
        'Whether a receipt that says WorkerLost is written before the target starts, because an earlier worker was lost with this input.',
      default: false,
    }),
    items: Type.Array(forEachItem, {
      description: 'The inputs, which the run processes one after another.',
      minItems: 1,
      maxItems: maxForEachItems,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['id'],
    }),
  },
  {
    description:
      'Runs the target once for each input, one after another: $(item) is the path of the input in the target, $(result) a directory whose content becomes the result item. The controller writes it for the chunks of a DockerRunSet.',
  },
);

export type ForEach = Type.Static<typeof forEach>;
export type ForEachItem = Type.Static<typeof forEachItem>;

/** The names that stand for paths of the input and the result in the target. */
export const itemPathName = 'item';
export const resultPathName = 'result';

/** In the target, the directory whose content becomes the result item. */
export const resultDirectory = '/mnt/girder_worker/result';

/** In the target, the read-only directory of the downloads that all inputs share. */
export const sharedDirectory = '/mnt/girder_worker/shared';

/** The volume behind that directory; no volume of a spec can have a name with a space. */
export const sharedVolumeName = 'shared inputs';

/** A file of an item or folder with the name of the log of its target. */
export const logFileName = 'log.txt';
