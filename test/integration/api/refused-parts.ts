import { girder, id, type RefusedSpecs } from './refused-specs.ts';

const ofVolume = (volume: unknown) => ({ image: 'a', volumes: [volume] });
const ofTransform = (transform: object, more: object = { girder }) => ({
  image: 'a',
  transforms: [{ name: 'x', ...transform }],
  ...more,
});
const ofHook = (hook: object, more: object = { girder }) => ({
  image: 'a',
  girderResultHooks: [hook],
  ...more,
});
const ofConnect = (input: object, output: object, more?: object) =>
  ofTransform({ connect: { input, output } }, more);
const upload = { volumePath: 'temporaryVolume', itemId: id };
const stream = { girderFileIdToStream: { fileId: id } };
const needsGirder = /girder\.credentialsSecretRef is required/;
const jobOnly = { apiUrl: girder.apiUrl, job: { id, tokenSecretRef: { name: 's', key: 'k' } } };

/** Volumes, transforms and result hooks that the schema refuses. */
export const refusedParts: RefusedSpecs = {
  'a volume without a kind': { spec: ofVolume({ name: 'x' }), message: /exactly one of bindMount/ },
  'a volume of two kinds': {
    spec: ofVolume({
      name: 'x',
      temporary: {},
      persistentVolumeClaim: { claimName: 'c', containerPath: '/c' },
    }),
    message: /exactly one of bindMount/,
  },
  'a size limit of a directory of the node': {
    spec: ofVolume({ name: 'x', temporary: { hostDir: '/srv', sizeLimit: '1Gi' } }),
    message: /sizeLimit requires an emptyDir/,
  },
  'a relative hostDir': { spec: ofVolume({ name: 'x', temporary: { hostDir: 'srv' } }), message: /hostDir/ },
  'a claim without a path': {
    spec: ofVolume({ name: 'x', persistentVolumeClaim: { claimName: 'c' } }),
    message: /containerPath: Required/,
  },
  'a named volume that is a path': {
    spec: ofVolume({ name: 'x', namedVolume: { volumeName: '/srv', containerPath: '/c' } }),
    message: /volumeName.* should match/,
  },
  'a named volume that is created to be only read': {
    spec: ofVolume({
      name: 'x',
      namedVolume: { volumeName: 'cache', containerPath: '/c', readOnly: true, create: true },
    }),
    message: /set create or readOnly, not both/,
  },
  'a download without Girder': {
    spec: ofTransform({ girderFileIdToVolume: { fileId: id } }, {}),
    message: needsGirder,
  },
  'an item with no credentials but those of a job': {
    spec: ofTransform({ girderItemIdToVolume: { itemId: id } }, { girder: jobOnly }),
    message: needsGirder,
  },
  'a folder without Girder': {
    spec: ofTransform({ girderFolderIdToVolume: { folderId: id } }, {}),
    message: needsGirder,
  },
  'metadata without Girder': {
    spec: ofTransform({ girderMetadataToVolume: { itemId: id } }, {}),
    message: needsGirder,
  },
  'metadata of two documents': {
    spec: ofTransform({ girderMetadataToVolume: { itemId: id, folderId: id } }),
    message: /exactly one of itemId, folderId, path/,
  },
  'metadata in a volume that does not exist': {
    spec: ofTransform({ girderMetadataToVolume: { itemId: id, volume: 'data' } }),
    message: /refers to a volume that does not exist/,
  },
  'an own path of an input that is relative': {
    spec: ofTransform({ girderFileIdToVolume: { fileId: id, containerPath: 'in' } }),
    message: /containerPath.* must be an absolute path without '\.'/,
  },
  'an own path of an input that leads up': {
    spec: ofTransform({ girderFolderIdToVolume: { folderId: id, containerPath: '/in/../etc' } }),
    message: /containerPath.* must be an absolute path without '\.'/,
  },
  'an own path with a slash at its end': {
    spec: ofTransform({ volumePath: { filename: 'a', containerPath: '/in/' } }),
    message: /containerPath.* and empty parts/,
  },
  'a folder name that is a path': {
    spec: ofTransform({ girderFolderIdToVolume: { folderId: id, folderName: 'a/b' } }),
    message: /a name without '\/'/,
  },
  'a pipe outside of its volume': {
    spec: ofTransform({ namedInputPipe: { name: '../pipe' } }),
    message: /inside the volume/,
  },
  'a progress pipe with an absolute path': {
    spec: ofTransform({ progressPipe: { name: '/progress' } }),
    message: /inside the volume/,
  },
  'a connect without an input': {
    spec: ofConnect({}, { hostStdOut: {} }),
    message: /exactly one of girderFileIdToStream/,
  },
  'a connect with two outputs': {
    spec: ofConnect({ containerStdOut: {} }, { hostStdOut: {}, hostStdErr: {} }),
    message: /exactly one of namedInputPipe/,
  },
  'a file of Girder that is not connected to the target': {
    spec: ofConnect(stream, { hostStdOut: {} }),
    message: /connect girderFileIdToStream to a namedInputPipe/,
  },
  'an output of the target that is connected to its input': {
    spec: ofConnect({ containerStdOut: {} }, { namedInputPipe: { name: 'p' } }),
    message: /connect girderFileIdToStream to a namedInputPipe/,
  },
  'a mount of a whole volume at a path of its own': {
    spec: ofTransform({ volumePath: { filename: '.', containerPath: '/all' } }),
    message: /a whole volume has a containerPath of its own/,
  },
  'tags of Slicer in the standard error': {
    spec: ofConnect({ containerStdErr: {} }, { slicerProgress: {} }),
    message: /connect only containerStdOut to slicerProgress/,
  },
  'a stream from Girder without Girder': {
    spec: ofConnect(stream, { namedInputPipe: { name: 'p' } }, {}),
    message: needsGirder,
  },
  'a stream to Girder without Girder': {
    spec: ofConnect({ containerStdOut: {} }, { girderStreamToItem: { itemId: id, filename: 'f' } }, {}),
    message: needsGirder,
  },
  'a server that is not on the web': {
    spec: ofConnect({ containerStdOut: {} }, { chunkedTransferEncodingStream: { url: 'ftp://a/b' } }),
    message: /url/,
  },
  'a header whose name has a line end': {
    spec: ofConnect(
      { containerStdOut: {} },
      { chunkedTransferEncodingStream: { url: 'http://a/b', headers: [{ name: 'a\nb', value: 'c' }] } },
    ),
    message: /headers\[0\]\.name/,
  },
  'a result hook without a kind': { spec: ofHook({}), message: /exactly one of girderUpload/ },
  'a result hook of two kinds': {
    spec: ofHook({
      girderUploadVolumePathToItem: upload,
      girderUploadVolumePathToFolder: { volumePath: 'a', folderId: id },
    }),
    message: /exactly one of girderUpload/,
  },
  'a result hook at an unknown time': {
    spec: ofHook({ girderUploadVolumePathToItem: upload, when: 'Never' }),
    message: /when/,
  },
  'a result hook without Girder': {
    spec: ofHook({ girderUploadVolumePathToItem: upload }, {}),
    message: needsGirder,
  },
  'metadata that is not an object': {
    spec: ofHook({ girderUploadVolumePathToItem: { ...upload, metadata: 'a' } }),
    message: /metadata.*object/,
  },
  'a name in Girder that is a path': {
    spec: ofHook({ girderUploadVolumePathToItem: { ...upload, filename: 'a/b' } }),
    message: /a name without '\/'/,
  },
};
