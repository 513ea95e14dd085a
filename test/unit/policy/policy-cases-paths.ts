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

/** Host paths and who writes to them. */
export const hostPaths: PolicyCases = {
  policy: 'hostPaths: [{pathPrefix: /srv/data/}, {pathPrefix: /srv//read, readOnly: true}]',
  cases: [
    fine('the directory itself', bind('/srv/data')),
    fine('what is below it', bind('/srv/data/x/y')),
    fine('a path with slashes to spare', bind('/srv//data///x/')),
    noPath('a directory whose name only begins so', bind('/srv/database')),
    noPath('a directory above', bind('/srv')),
    noPath('the root', bind('/')),
    fine('to read where runs may read', bind('/srv/read/x', 'ro')),
    noPath('to write where runs may read', bind('/srv/read/x')),
    fine('a temporary volume where runs may write', temporary('/srv/data/t')),
    noPath('a temporary volume where runs may read', temporary('/srv/read/t')),
    noPath('a temporary volume elsewhere', temporary('/var/tmp')),
    fine('a temporary volume of the kubelet', temporary()),
    fine("docker-py's volumes", dockerVolume('/srv/data', 'rw')),
    fine("docker-py's volumes, to read", dockerVolume('/srv/read', 'ro')),
    noPath("docker-py's volumes, to write where runs may read", dockerVolume('/srv/read', 'rw')),
    noPath("docker-py's volumes elsewhere", dockerVolume('/etc', 'ro')),
    noPath(
      'a file downloaded where runs may read',
      reading({ girderFileIdToVolume: { fileId: id, volume: 'd' } }),
    ),
    noPath('an item downloaded there', reading({ girderItemIdToVolume: { itemId: id, volume: 'd' } })),
    noPath('a folder downloaded there', reading({ girderFolderIdToVolume: { folderId: id, volume: 'd' } })),
    noPath('a pipe for progress there', reading({ progressPipe: { volume: 'd' } })),
    noPath('a named pipe there', reading({ namedInputPipe: { name: 'p', volume: 'd' } })),
    noPath('another named pipe there', reading({ namedOutputPipe: { name: 'p', volume: 'd' } })),
    noPath(
      'a pipe of a stream there',
      reading({
        connect: { input: { namedOutputPipe: { name: 'p', volume: 'd' } }, output: { hostStdOut: {} } },
      }),
    ),
    noPath(
      'a pipe of a file there',
      reading({
        connect: {
          input: { girderFileIdToStream: { fileId: id } },
          output: { namedInputPipe: { name: 'p', volume: 'd' } },
        },
      }),
    ),
    fine('a path in it', reading({ volumePath: { filename: 'f', volume: 'd' } })),
    fine('a download beside it', reading({ girderFileIdToVolume: { fileId: id } })),
    fine('an upload from it', uploading('out', false)),
    noPath('an upload from it that deletes', uploading('out', true)),
    noPath('an upload of all of it that deletes', uploading('d', true)),
    fine('no path at all', {}),
  ],
};

/** The pattern language of images. */
export const images: PolicyCases = {
  policy: `images: [registry.example.org/imaging/, 'busybox:1.*', 'localhost:5000/*/tool', 'team/x${digest}', index.docker.io/alpine]`,
  cases: [
    fine('an image below a folder', image('registry.example.org/imaging/a/b:1')),
    fine('one with a digest', image(`registry.example.org/imaging/a:1${digest}`)),
    noImage('one of another folder', image('registry.example.org/imaging2/a')),
    noImage('one of a registry that begins so', image('registry.example.org.evil.net/imaging/a')),
    fine('an official image by its short name', image('busybox:1.36')),
    fine('the same by its long name', image('docker.io/library/busybox:1.36')),
    noImage('one of another version', image('busybox:2')),
    noImage('one without a version', image('busybox')),
    noImage('one with a digest in place of the version', image(`busybox:1.36${digest}`)),
    fine('one of an image that any version of is allowed', image('alpine')),
    noImage('one of the same name elsewhere', image('team/alpine')),
    fine('* in place of a folder', image('localhost:5000/a/tool')),
    noImage('* does not stand for two', image('localhost:5000/a/b/tool')),
    fine('a digest', image(`team/x:1${digest}`)),
    noImage('another digest', image(`team/x@sha256:${'b'.repeat(64)}`)),
    noImage('an id', image('sha256:8f3b1b4d9dca')),
    noImage('what could be an id', image('cafe')),
    noImage('a name of odd letters', image("Quay/x'y\\z:%")),
    noImage('a name that no registry takes', image(`registry.example.org/imaging/${'a'.repeat(300)}`)),
  ],
};
