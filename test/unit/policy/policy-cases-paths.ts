import {
  bind,
  digest,
  dockerVolume,
  fine,
  id,
  image,
  noImage,
  noPath,
  reading,
  temporary,
  uploading,
  type PolicyCases,
} from './policy-case.ts';

/** Host paths, and the fields that write to them. */
export const hostPaths: PolicyCases = {
  policy: 'hostPaths: [{pathPrefix: /srv/data/}, {pathPrefix: /srv//read, readOnly: true}]',
  cases: [
    fine('the directory itself', bind('/srv/data')),
    fine('a directory below it', bind('/srv/data/x/y')),
    fine('a path with extra slashes', bind('/srv//data///x/')),
    noPath('a directory whose name only starts with the prefix', bind('/srv/database')),
    noPath('a parent directory', bind('/srv')),
    noPath('the root', bind('/')),
    fine('reading with read access', bind('/srv/read/x', 'ro')),
    noPath('writing with read access', bind('/srv/read/x')),
    fine('relabeling with write access', bind('/srv/data/x', 'ro,Z')),
    noPath('relabeling with read access', bind('/srv/read/x', 'ro,z')),
    fine('a temporary volume with write access', temporary('/srv/data/t')),
    noPath('a temporary volume with read access', temporary('/srv/read/t')),
    noPath('a temporary volume at another path', temporary('/var/tmp')),
    fine('a temporary volume without hostDir', temporary()),
    fine('dockerVolumes with write access', dockerVolume('/srv/data', 'rw')),
    fine('reading dockerVolumes with read access', dockerVolume('/srv/read', 'ro')),
    noPath('relabeling dockerVolumes with read access', dockerVolume('/srv/read', 'ro,Z')),
    noPath('writing dockerVolumes with read access', dockerVolume('/srv/read', 'rw')),
    noPath('dockerVolumes at another path', dockerVolume('/etc', 'ro')),
    noPath(
      'a file downloaded with read access',
      reading({ girderFileIdToVolume: { fileId: id, volume: 'd' } }),
    ),
    noPath(
      'an item downloaded with read access',
      reading({ girderItemIdToVolume: { itemId: id, volume: 'd' } }),
    ),
    noPath(
      'a folder downloaded with read access',
      reading({ girderFolderIdToVolume: { folderId: id, volume: 'd' } }),
    ),
    noPath('a progress pipe with read access', reading({ progressPipe: { volume: 'd' } })),
    noPath('a named input pipe with read access', reading({ namedInputPipe: { name: 'p', volume: 'd' } })),
    noPath('a named output pipe with read access', reading({ namedOutputPipe: { name: 'p', volume: 'd' } })),
    noPath(
      'the output pipe of a stream with read access',
      reading({
        connect: { input: { namedOutputPipe: { name: 'p', volume: 'd' } }, output: { hostStdOut: {} } },
      }),
    ),
    noPath(
      'the input pipe of a stream with read access',
      reading({
        connect: {
          input: { girderFileIdToStream: { fileId: id } },
          output: { namedInputPipe: { name: 'p', volume: 'd' } },
        },
      }),
    ),
    fine('a volumePath with read access', reading({ volumePath: { filename: 'f', volume: 'd' } })),
    fine('a download into another volume', reading({ girderFileIdToVolume: { fileId: id } })),
    fine('an upload with read access', uploading('out', false)),
    noPath('an upload that deletes, with read access', uploading('out', true)),
    noPath('an upload of the whole volume that deletes, with read access', uploading('d', true)),
    fine('a run without host paths', {}),
  ],
};

/** A run has everything in a directory that it mounts, but of a hostDir only a directory of its own. */
export const nestedHostPaths: PolicyCases = {
  policy:
    'hostPaths: [{pathPrefix: /srv}, {pathPrefix: /srv/raw, readOnly: true}, {pathPrefix: /srv/raw/inbox}, {pathPrefix: /srv/raw, readOnly: true}]',
  cases: [
    fine('reading where only reading is allowed', bind('/srv/raw', 'ro')),
    noPath('writing there', bind('/srv/raw/x')),
    fine('writing to a directory in it that is writable', bind('/srv/raw/inbox/x')),
    fine('writing beside it', bind('/srv/rawer')),
    noPath('writing to a directory around it', bind('/srv')),
    noPath('writing to a directory around it with dockerVolumes', dockerVolume('/srv', 'rw')),
    fine('reading a directory around it', bind('/srv', 'ro')),
    fine('a temporary volume in a directory around it', temporary('/srv')),
    noPath('a temporary volume in it', temporary('/srv/raw')),
    noPath('the directory of temporary volumes', bind('/srv/.dockerrun-temporary', 'ro')),
    noPath('a temporary volume of a run', dockerVolume('/srv/.dockerrun-temporary/dockerrun-1-x', 'ro')),
  ],
};

/** Each list alone may restrict; together they only add. */
export const hostPathsOfTwoLists: PolicyCases = {
  policy: `hostPaths: [{pathPrefix: /srv/data, readOnly: true}, {pathPrefix: /srv/own/raw, readOnly: true}]
namespaces:
  - names: [policy-of-lab]
    hostPaths: [{pathPrefix: /srv/data}, {pathPrefix: /srv/own}]`,
  suffix: 'lab',
  cases: [
    fine('writing to a directory that the other list only lets read', bind('/srv/data/x')),
    fine('writing to a directory around one that the other list only lets read', bind('/srv/own')),
    fine('writing to that directory itself', bind('/srv/own/raw')),
  ],
};

export const images: PolicyCases = {
  policy: `images: [registry.example.org/imaging/, 'busybox:1.*', 'localhost:5000/*/tool', 'team/x${digest}', index.docker.io/alpine]`,
  cases: [
    fine('an image below a folder', image('registry.example.org/imaging/a/b:1')),
    fine('one with a digest', image(`registry.example.org/imaging/a:1${digest}`)),
    noImage('one of another folder', image('registry.example.org/imaging2/a')),
    noImage(
      'one of a registry whose name only starts with the same text',
      image('registry.example.org.evil.net/imaging/a'),
    ),
    fine('an official image by its short name', image('busybox:1.36')),
    fine('the same by its full name', image('docker.io/library/busybox:1.36')),
    noImage('one of another version', image('busybox:2')),
    noImage('one without a version', image('busybox')),
    noImage('one with a digest in place of the version', image(`busybox:1.36${digest}`)),
    fine('one without a version in the pattern', image('alpine')),
    noImage('one of the same name in another folder', image('team/alpine')),
    fine('* in place of a folder', image('localhost:5000/a/tool')),
    noImage('* in place of two folders', image('localhost:5000/a/b/tool')),
    fine('a digest', image(`team/x:1${digest}`)),
    noImage('another digest', image(`team/x@sha256:${'b'.repeat(64)}`)),
    noImage('an image ID', image('sha256:8f3b1b4d9dca')),
    noImage('a name that could be an image ID', image('cafe')),
    noImage('a name with invalid characters', image("Quay/x'y\\z:%")),
    noImage(
      'a name that is too long for any registry',
      image(`registry.example.org/imaging/${'a'.repeat(300)}`),
    ),
  ],
};
