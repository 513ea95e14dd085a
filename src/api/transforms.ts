import { Type } from 'typebox';
import {
  anyObject,
  girderId,
  plainName,
  referenceName,
  relativePath,
  requestHeaders,
  volumeReference,
} from './fields.ts';
import { exactlyOneOf, rules } from './keywords.ts';

const girderFileIdToVolume = Type.Object(
  {
    fileId: girderId('the file'),
    volume: volumeReference(),
    filename: Type.Optional(
      relativePath("The file's path in the volume; <fileId>/<its name in Girder> when absent."),
    ),
  },
  {
    description:
      'Downloads a file of Girder into a volume, and becomes the path at which the target sees it.',
  },
);

const girderItemIdToVolume = Type.Object(
  { itemId: girderId('the item'), volume: volumeReference() },
  {
    description:
      'Downloads an item of Girder into a volume, and becomes <itemId>/<name> there: its file when it has just one, named like the item, else a directory of its files.',
  },
);

const girderFolderIdToVolume = Type.Object(
  {
    folderId: girderId('the folder'),
    volume: volumeReference(),
    folderName: Type.Optional(
      plainName('The name of the directory in <folderId>; the name of the folder in Girder when absent.'),
    ),
  },
  {
    description:
      'Downloads a folder of Girder with all its items and subfolders into a volume, and becomes the path of its directory.',
  },
);

const volumePath = Type.Object(
  { filename: relativePath('A path in the volume.'), volume: volumeReference() },
  {
    description:
      'Becomes the path at which the target sees a file or directory of a volume, mostly one that it writes.',
  },
);

const pipe = (description: string) =>
  Type.Object(
    { name: relativePath('The path of the pipe in the volume.'), volume: volumeReference() },
    { description },
  );

const namedInputPipe = () => pipe('A named pipe that the target reads from, once.');
const namedOutputPipe = () =>
  pipe('A named pipe that the target writes to; it may open it as often as it likes.');

const progressPipe = Type.Object(
  {
    name: relativePath('The path of the pipe in the volume.', { default: '.girder_progress' }),
    volume: volumeReference(),
  },
  {
    description:
      'A named pipe that the target writes its progress to: a JSON object {"message", "current", "total"} a line, each field optional. It is shown in status.progress and in the Girder job.',
  },
);

const connectInput = Type.Object(
  {
    girderFileIdToStream: Type.Optional(
      Type.Object({ fileId: girderId('the file') }, { description: 'The bytes of a file of Girder.' }),
    ),
    namedOutputPipe: Type.Optional(namedOutputPipe()),
    containerStdOut: Type.Optional(
      Type.Object({}, { description: "The target's standard output, which is not in the pod's log then." }),
    ),
    containerStdErr: Type.Optional(
      Type.Object({}, { description: "The target's standard error, which is not in the pod's log then." }),
    ),
  },
  {
    description: 'Where the bytes come from.',
    ...exactlyOneOf(['girderFileIdToStream', 'namedOutputPipe', 'containerStdOut', 'containerStdErr']),
  },
);

const chunkedTransferEncodingStream = Type.Object(
  {
    url: Type.String({
      description: 'The address that gets the bytes in one POST request with Transfer-Encoding: chunked.',
      pattern: '^https?://[^\\s]+$',
      maxLength: 2048,
    }),
    headers: Type.Optional(requestHeaders()),
  },
  { description: 'Sends the bytes to a server while they come.' },
);

const girderStreamToItem = Type.Object(
  {
    itemId: girderId('the item that gets the file; a file of the same name in it is replaced'),
    filename: plainName('The name of the file in Girder.'),
    mimeType: Type.Optional(
      Type.String({ description: 'The MIME type of the file.', minLength: 1, maxLength: 255 }),
    ),
    reference: Type.Optional(
      Type.String({ description: "A text that Girder hands to its plugins' listeners.", maxLength: 4096 }),
    ),
    metadata: Type.Optional(anyObject('Metadata that the item gets.')),
  },
  {
    description:
      "Makes the bytes a file of Girder when the target ended well. Girder wants to know a file's size before its first byte, so they wait on the node's disk until then.",
  },
);

const connectOutput = Type.Object(
  {
    namedInputPipe: Type.Optional(namedInputPipe()),
    hostStdOut: Type.Optional(Type.Object({}, { description: "Standard output of the run's pod." })),
    hostStdErr: Type.Optional(Type.Object({}, { description: "Standard error of the run's pod." })),
    chunkedTransferEncodingStream: Type.Optional(chunkedTransferEncodingStream),
    girderStreamToItem: Type.Optional(girderStreamToItem),
  },
  {
    description: 'Where the bytes go.',
    ...exactlyOneOf([
      'namedInputPipe',
      'hostStdOut',
      'hostStdErr',
      'chunkedTransferEncodingStream',
      'girderStreamToItem',
    ]),
  },
);

const connect = Type.Object(
  { input: connectInput, output: connectOutput },
  {
    description:
      'Connects a stream with a named pipe, and becomes the path of the pipe. It works whether or not an argument names it.',
    ...rules({
      rule: 'has(self.input.girderFileIdToStream) == has(self.output.namedInputPipe)',
      message:
        'girderFileIdToStream goes to a namedInputPipe, and every other input to an output other than that',
    }),
  },
);

/** Everything that a transform can be. */
export const transformKinds = {
  girderFileIdToVolume,
  girderItemIdToVolume,
  girderFolderIdToVolume,
  volumePath,
  connect,
  progressPipe,
  namedInputPipe: namedInputPipe(),
  namedOutputPipe: namedOutputPipe(),
} as const;

/** Something named that becomes a path for the target. */
export const transform = Type.Object(
  {
    name: referenceName('The name of the transform'),
    girderFileIdToVolume: Type.Optional(girderFileIdToVolume),
    girderItemIdToVolume: Type.Optional(girderItemIdToVolume),
    girderFolderIdToVolume: Type.Optional(girderFolderIdToVolume),
    volumePath: Type.Optional(volumePath),
    connect: Type.Optional(connect),
    progressPipe: Type.Optional(progressPipe),
    namedInputPipe: Type.Optional(transformKinds.namedInputPipe),
    namedOutputPipe: Type.Optional(transformKinds.namedOutputPipe),
  },
  exactlyOneOf(Object.keys(transformKinds)),
);

export type Transform = Type.Static<typeof transform>;
export type Connect = Type.Static<typeof connect>;
