import { Type } from 'typebox';
import {
  anyObject,
  girderIdOfRun,
  girderPath,
  ownContainerPath,
  plainName,
  referenceName,
  relativePath,
  requestHeaders,
  secretKeyReference,
  volumeReference,
} from './fields.ts';
import { ifExists, maxReferenceLength } from './hooks.ts';
import { exactlyOneOf, rules } from './keywords.ts';

const girderFileIdToVolume = Type.Object(
  {
    fileId: Type.Optional(girderIdOfRun('the file')),
    path: Type.Optional(girderPath('the file')),
    volume: volumeReference(),
    containerPath: Type.Optional(ownContainerPath()),
    filename: Type.Optional(
      relativePath('The path of the file in the volume. Defaults to <fileId>/<name of the file in Girder>.'),
    ),
  },
  {
    description: 'Downloads a file from Girder into a volume. $(name) is the path of the file in the target.',
    ...exactlyOneOf(['fileId', 'path']),
  },
);

const girderItemIdToVolume = Type.Object(
  {
    itemId: Type.Optional(girderIdOfRun('the item')),
    path: Type.Optional(girderPath('the item')),
    volume: volumeReference(),
    containerPath: Type.Optional(ownContainerPath()),
  },
  {
    description:
      'Downloads an item from Girder into a volume. $(name) is the path of <itemId>/<name of the item> in the target: the file of the item if it has one file of that name, else a directory with its files.',
    ...exactlyOneOf(['itemId', 'path']),
  },
);

const girderFolderIdToVolume = Type.Object(
  {
    folderId: Type.Optional(girderIdOfRun('the folder')),
    path: Type.Optional(girderPath('the folder')),
    volume: volumeReference(),
    containerPath: Type.Optional(ownContainerPath()),
    folderName: Type.Optional(
      plainName('The name of the directory below <folderId>. Defaults to the name of the folder in Girder.'),
    ),
  },
  {
    description:
      'Downloads a folder from Girder with all its items and subfolders into a volume. $(name) is the path of the directory in the target.',
    ...exactlyOneOf(['folderId', 'path']),
  },
);

const girderMetadataToVolume = Type.Object(
  {
    itemId: Type.Optional(girderIdOfRun('the item')),
    folderId: Type.Optional(girderIdOfRun('the folder')),
    path: Type.Optional(girderPath('the item or folder')),
    volume: volumeReference(),
    containerPath: Type.Optional(ownContainerPath()),
    filename: Type.Optional(
      relativePath(
        'The path of the file in the volume. Defaults to <itemId>.metadata.json, or <folderId>.metadata.json.',
      ),
    ),
  },
  {
    description:
      'Writes the metadata of an item or folder of Girder into a volume, as a file with one JSON object, which is empty without metadata. $(name) is the path of the file in the target. Numbers are those of JavaScript: integers beyond 2^53 are rounded.',
    ...exactlyOneOf(['itemId', 'folderId', 'path']),
  },
);

const volumePath = Type.Object(
  {
    filename: relativePath('The path in the volume, or . for all of it.', { isWholeAllowed: true }),
    volume: volumeReference(),
    containerPath: Type.Optional(
      ownContainerPath(
        ' It must exist when the target starts, such as a file of a folder that the run downloads. For what the target writes, use a temporary volume with a containerPath.',
      ),
    ),
  },
  {
    description:
      'A file or directory in a volume, usually one that the target writes. $(name) is its path in the target.',
    ...rules({
      rule: "!has(self.containerPath) || self.filename != '.'",
      message: 'a whole volume has a containerPath of its own, in spec.volumes',
    }),
  },
);

const pipe = (description: string) =>
  Type.Object(
    { name: relativePath('The path of the pipe in the volume.'), volume: volumeReference() },
    { description },
  );

const namedInputPipe = () => pipe('A named pipe that the target reads from once.');
const namedOutputPipe = () =>
  pipe('A named pipe that the target writes to. The target may open it several times.');

const progressPipe = Type.Object(
  {
    name: relativePath('The path of the pipe in the volume.', { default: '.girder_progress' }),
    volume: volumeReference(),
  },
  {
    description:
      'A named pipe that the target writes its progress to, which status.progress and the Girder job show. Each line is a JSON object with the optional fields message, current and total.',
  },
);

const connectInput = Type.Object(
  {
    girderFileIdToStream: Type.Optional(
      Type.Object(
        {
          fileId: Type.Optional(girderIdOfRun('the file')),
          path: Type.Optional(girderPath('the file')),
        },
        { description: 'A file in Girder.', ...exactlyOneOf(['fileId', 'path']) },
      ),
    ),
    namedOutputPipe: Type.Optional(namedOutputPipe()),
    containerStdOut: Type.Optional(
      Type.Object(
        {},
        {
          description:
            'The standard output of the target. The log of the pod has it only if the output is girderStreamToItem, hostStdOut or slicerProgress.',
        },
      ),
    ),
    containerStdErr: Type.Optional(
      Type.Object(
        {},
        {
          description:
            'The standard error of the target. The log of the pod has it only if the output is girderStreamToItem or hostStdErr.',
        },
      ),
    ),
  },
  {
    description: 'The source of the stream.',
    ...exactlyOneOf(['girderFileIdToStream', 'namedOutputPipe', 'containerStdOut', 'containerStdErr']),
  },
);

const chunkedTransferEncodingStream = Type.Object(
  {
    url: Type.String({
      description: 'The URL that receives the stream in one POST request with Transfer-Encoding: chunked.',
      pattern: '^https?://[^\\s]+$',
      maxLength: 2048,
    }),
    headers: Type.Optional(requestHeaders()),
  },
  { description: 'Sends the stream to a server while the target runs.' },
);

const girderStreamToItem = Type.Object(
  {
    itemId: Type.Optional(girderIdOfRun('the item to upload to')),
    path: Type.Optional(girderPath('the item to upload to')),
    filename: plainName('The name of the file in Girder.'),
    ifExists: ifExists(
      'Replace replaces the contents of the file of that name, or deletes a link file of that name; NewItem adds another file of that name to the item.',
    ),
    mimeType: Type.Optional(
      Type.String({
        description: 'The MIME type of the file. Defaults to the one that its name suggests.',
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
    metadata: Type.Optional(anyObject('Metadata to set on the item.')),
  },
  {
    description:
      "Uploads the stream as a file to Girder after the target has succeeded. Girder needs the size before the first byte, so the stream is kept on the node's disk until then.",
    ...exactlyOneOf(['itemId', 'path']),
  },
);

const connectOutput = Type.Object(
  {
    namedInputPipe: Type.Optional(namedInputPipe()),
    hostStdOut: Type.Optional(Type.Object({}, { description: "The standard output of the run's pod." })),
    hostStdErr: Type.Optional(Type.Object({}, { description: "The standard error of the run's pod." })),
    chunkedTransferEncodingStream: Type.Optional(chunkedTransferEncodingStream),
    girderStreamToItem: Type.Optional(girderStreamToItem),
    slicerProgress: Type.Optional(
      Type.Object(
        {},
        {
          description:
            "The progress of the run, from the tags of 3D Slicer's command-line modules in containerStdOut, such as <filter-progress>0.5</filter-progress>. <filter-name> and <filter-comment> become its message. All tags are taken out of the output, and the rest of it is logged as usual. An element of more than 64 KiB stays in the log.",
        },
      ),
    ),
  },
  {
    description: 'The destination of the stream.',
    ...exactlyOneOf([
      'namedInputPipe',
      'hostStdOut',
      'hostStdErr',
      'chunkedTransferEncodingStream',
      'girderStreamToItem',
      'slicerProgress',
    ]),
  },
);

const connect = Type.Object(
  { input: connectInput, output: connectOutput },
  {
    description:
      'Connects a source of bytes to a destination while the target runs, even if no argument uses $(name). $(name) is the path of the named pipe in the target, if there is one.',
    ...rules(
      {
        rule: 'has(self.input.girderFileIdToStream) == has(self.output.namedInputPipe)',
        message: 'connect girderFileIdToStream to a namedInputPipe, and every other input to another output',
      },
      {
        rule: '!has(self.output.slicerProgress) || has(self.input.containerStdOut)',
        message: 'connect only containerStdOut to slicerProgress',
      },
    ),
  },
);

const secretKeyRef = () =>
  secretKeyReference(
    'The key of a Secret in the namespace of the run. $(name) in args and env is its value, without a line end. Only the worker and the target see it, and anyone who can use the Docker Engine of the node.',
  );

/** A run with more inputs names their folder, or an item with all of them. */
export const maxTransforms = 1024;

export const transformKinds = {
  girderFileIdToVolume,
  girderItemIdToVolume,
  girderFolderIdToVolume,
  girderMetadataToVolume,
  volumePath,
  connect,
  progressPipe,
  namedInputPipe: namedInputPipe(),
  namedOutputPipe: namedOutputPipe(),
  secretKeyRef: secretKeyRef(),
} as const;

export const transform = Type.Object(
  {
    name: referenceName('The name of the transform'),
    girderFileIdToVolume: Type.Optional(girderFileIdToVolume),
    girderItemIdToVolume: Type.Optional(girderItemIdToVolume),
    girderFolderIdToVolume: Type.Optional(girderFolderIdToVolume),
    girderMetadataToVolume: Type.Optional(girderMetadataToVolume),
    volumePath: Type.Optional(volumePath),
    connect: Type.Optional(connect),
    progressPipe: Type.Optional(progressPipe),
    namedInputPipe: Type.Optional(transformKinds.namedInputPipe),
    namedOutputPipe: Type.Optional(transformKinds.namedOutputPipe),
    secretKeyRef: Type.Optional(transformKinds.secretKeyRef),
  },
  exactlyOneOf(Object.keys(transformKinds)),
);

export type Transform = Type.Static<typeof transform>;
export type Connect = Type.Static<typeof connect>;
