import {
  bind,
  docker,
  fine,
  girder,
  image,
  noGirder,
  noImage,
  noOption,
  noPath,
  noStream,
  stream,
  type PolicyCases,
} from './policy-case.ts';
import { runs } from './policy-cases-runs.ts';
import { options } from './policy-cases-options.ts';
import { hostPaths, hostPathsOfTwoLists, images, nestedHostPaths } from './policy-cases-paths.ts';

const addresses: PolicyCases = {
  policy: [
    'girderApiUrls: ["https://data.example.org/api/v1/"]',
    'streamUrls: ["https://ingest.example.org/streams/", "http://[::1]:8080", "http://10.0.0.1:80/%2e"]',
  ].join('\n'),
  cases: [
    fine('no address', {}),
    fine('the address of Girder', { girder }),
    fine('the same address with slashes at its end', {
      girder: { ...girder, apiUrl: 'https://data.example.org/api/v1//' },
    }),
    noGirder('another Girder', { girder: { ...girder, apiUrl: 'https://data.example.org/api' } }),
    noGirder('another scheme', { girder: { ...girder, apiUrl: 'http://data.example.org/api/v1' } }),
    ...['', '/', '/a', '?a=/../b', '/a#b', '//a', '/..a', '/a%20b', "/it's"].map((rest) =>
      fine(`a stream to ${rest} below an address`, stream(`https://ingest.example.org/streams${rest}`)),
    ),
    ...['2', '/../admin', '/./a', '/%2e%2e/admin', '/a%2Fb', '/%5c', '\\..\\admin'].map((rest) =>
      noStream(`a stream to ${rest} there`, stream(`https://ingest.example.org/streams${rest}`)),
    ),
    fine(
      'a host in capital letters, with the default port',
      stream('https://Ingest.Example.ORG:443/streams'),
    ),
    fine('an IP address', stream('http://[::1]:8080/x')),
    ...[
      'http://ingest.example.org/streams',
      'https://ingest.example.org:8443/streams',
      'https://ingest.example.org@evil.example/streams',
      'https://user:secret@ingest.example.org/streams',
      'https://ingest.example.org\\.evil.example/streams',
      'https://ingest.example.org.evil.example/streams',
      'https://ingést.example.org/streams',
      'http://[::1]:80800/x',
      'http://[::1]/x',
      'http://10.0.0.1/%2e/x',
      'http://169.254.169.254/latest/meta-data?token=secret',
      `https://${'a'.repeat(400)}.example.org/`,
    ].map((url) => noStream(`a stream to ${url.slice(0, 60)}`, stream(url))),
  ],
};

const perNamespace = [
  'images: [busybox]',
  'hostPaths: [{pathPrefix: /srv/read, readOnly: true}]',
  'namespaces:',
  '  - names: ["policy-*-team", nosuch]',
  '    hostPaths: [{pathPrefix: /srv/read/mine}]',
  '    images: [team/]',
  '    dockerOptions: [{option: ipcMode, values: [host]}]',
  '  - names: ["*team"]',
  '    streamUrls: ["https://a.example.org"]',
  '    dockerDefaults: {privileged: true}',
].join('\n');

/** No entry of `namespaces` matches, so that only the permissions of all runs apply. */
const elsewhere: PolicyCases = {
  policy: perNamespace,
  suffix: 'teams',
  cases: [
    fine('an image for all namespaces', image('busybox')),
    noImage('the image of another namespace', image('team/x')),
    noPath('the path of another namespace', bind('/srv/read/mine')),
    noOption('the option of another namespace', docker({ ipcMode: 'host' })),
    fine('a stream that only another namespace restricts', stream('https://b.example.org/')),
  ],
};

const inside: PolicyCases = {
  policy: perNamespace,
  suffix: 'team',
  cases: [
    fine('an image for all namespaces, in the namespace', image('busybox')),
    fine('its own image', image('team/x')),
    noImage('any other image', image('team2/x')),
    fine('its own path', bind('/srv/read/mine/x')),
    noPath('writing outside its path', bind('/srv/read/x')),
    fine('its own option', docker({ ipcMode: 'host' })),
    noOption('its own option with another value', docker({ ipcMode: 'shareable' })),
    fine('a stream to an allowed URL', stream('https://a.example.org/x')),
    noStream('a stream to another URL', stream('https://b.example.org/')),
    noOption('an option that is only a default', docker({ privileged: true })),
  ],
};

const nothing: PolicyCases = {
  policy: '{}',
  cases: [
    fine('a run that uses nothing', {}),
    fine('any image', image('quay.io/x')),
    fine('any Girder', { girder }),
    fine('any stream', stream('http://169.254.169.254/')),
    noPath('any path', bind('/srv', 'ro')),
    noOption('any dangerous option', docker({ privileged: true })),
  ],
};

const none: PolicyCases = {
  policy: 'images: []\ngirderApiUrls: []\nstreamUrls: []\nhostPaths: []',
  cases: [
    noImage('an image where none is listed', {}),
    noImage('an image and an option, for the image,', { ...image('a'), ...docker({ privileged: true }) }),
    noPath('a path and an option, for the path,', { ...bind('/x'), ...docker({ privileged: true }) }),
  ],
};

const everything: PolicyCases = {
  policy: 'hostPaths: [{pathPrefix: /}]\nimages: ["**"]',
  cases: [
    fine('every path below the root', bind('/etc')),
    fine('the root itself', bind('/')),
    fine('every image', image('Registry.example.org:80/a/b')),
    noImage('an image ID', image('cafe')),
  ],
};

const noAddress: PolicyCases = {
  policy: 'girderApiUrls: []\nstreamUrls: []',
  cases: [
    noGirder('a Girder where none is listed', { girder }),
    noStream('a stream where none is listed', stream('http://a/')),
  ],
};

export const policyCases: readonly PolicyCases[] = [
  ...runs,
  hostPaths,
  nestedHostPaths,
  hostPathsOfTwoLists,
  images,
  options,
  addresses,
  elsewhere,
  inside,
  nothing,
  none,
  everything,
  noAddress,
];
