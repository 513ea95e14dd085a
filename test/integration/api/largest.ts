import { policyOptionNames } from '../../../src/api/docker/option-risks.ts';
import type { DockerRunSpec } from '../../../src/api/spec.ts';
import type { PolicySpec } from '../../../src/policy/policy-schema.ts';

/** Specs and a policy of the largest sizes that their schemas allow, made to cost the rules the most. */

const many = <Item>(count: number, item: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => item(index));
const long = (length: number, begin: string) => begin.padEnd(length, 'a/').replace(/\/$/, 'a');
const two = (index: number) => String(index).padStart(2, '0');

const girder = { apiUrl: long(1024, 'https://girder0.example.org/'), credentialsSecretRef: { name: 'g' } };

/** The entries that the runs below match are last, so every earlier entry is compared first. */
export const largestPolicy: PolicySpec = {
  hostPaths: many(64, (index) => ({ pathPrefix: long(256, `/a/${two(index)}z`) })),
  namedVolumes: many(32, (index) => ({ name: `*${index}*x*x*x`.padEnd(128, 'x') })),
  images: many(64, (index) => long(256, `x${index}**/a*a/b*b*c*d*e*f*g`)),
  girderApiUrls: many(64, (index) => long(1024, `https://girder${index}.example.org/`)),
  streamUrls: many(32, (index) => long(256, `https://a${two(index)}.example.org/`)),
  dockerOptions: many(64 - policyOptionNames.length, (index) => ({
    option: 'capAdd' as const,
    values: many(64, (value) => `CAP_${index}_${value}`.padEnd(60, 'A')),
  })),
  namespaces: [
    ...many(63, (index) => ({
      names: [...many(31, (name) => `n${name}*x*x*x*x*x*`.padEnd(63, 'x')), 'policy-*'],
      hostPaths: [{ pathPrefix: long(256, `/b/${two(index)}z`) }],
      namedVolumes: index < 31 ? [{ name: `*y${index}*x*x*x`.padEnd(128, 'x') }] : [],
      images: [long(256, `y${index}**/a*a/b*b*c*d*e*f*g`)],
      girderApiUrls: [long(1024, `https://other${index}.example.org/`)],
      streamUrls: index < 31 ? [long(256, `https://b${two(index)}.example.org/`)] : [],
      dockerOptions: [
        { option: 'securityOpt' as const, values: many(64, (value) => `x${value}`.padEnd(60, 'A')) },
      ],
    })),
    {
      names: ['policy-*'],
      hostPaths: [{ pathPrefix: '/' }],
      namedVolumes: [{ name: '*' }],
      images: ['**'],
      girderApiUrls: [girder.apiUrl],
      streamUrls: ['https://stream.example.org'],
      dockerOptions: policyOptionNames.map((option) => ({ option })),
    },
  ],
};

const id = '0123456789abcdef01234567';

/** Each is as large as one object can be in the fields that one rule reads. */
export const largestSpecs: Readonly<Record<string, Partial<DockerRunSpec> & { image: string }>> = {
  'as many host paths as volumes can have, all written by transforms': {
    image: 'tool',
    girder,
    volumes: many(64, (index) => ({
      name: `v${index}`,
      bindMount: { hostPath: long(1024, `/a/${two(index)}`), containerPath: `/v${index}`, mode: 'ro' },
    })),
    dockerVolumes: Object.fromEntries(
      many(64, (index) => [long(1024, `/b/${two(index)}`), { bind: `/w${index}`, mode: 'rw' }]),
    ),
    transforms: many(1024, (index) => ({
      name: `t${index}`,
      volumePath: { filename: 'f', volume: `v${index % 64}` },
    })),
    girderResultHooks: many(256, (index) => ({
      girderUploadVolumePathToItem: {
        volumePath: `t${index}`,
        itemId: id,
        deleteFile: true,
        ifExists: 'Replace' as const,
      },
      when: 'OnSuccess',
      optional: false,
    })),
  },
  'as many named volumes as there can be, with the longest names': {
    image: 'tool',
    volumes: many(64, (index) => ({
      name: `v${index}`,
      namedVolume: {
        volumeName: `${two(index)}`.padEnd(128, 'x'),
        containerPath: long(1024, `/c/${two(index)}`),
        readOnly: false,
        create: false,
      },
    })),
  },
  'the longest image that a registry takes': { image: `${long(240, 'x1/a')}:${'1'.repeat(250)}`, girder },
  'as many dangerous options as there can be': {
    image: 'tool',
    docker: {
      capAdd: many(64, (index) => `CAP_${'B'.repeat(50)}${String.fromCharCode(65 + (index % 26))}`),
      securityOpt: many(64, (index) => `${'seccomp='.padEnd(2000, 'x')}${index}`),
      devices: many(64, (index) => `/dev/${'x'.repeat(200)}${index}:/dev/y:rwm`),
      deviceCgroupRules: many(64, (index) => `c ${index}:* rwm`),
      deviceRequests: many(16, () => ({
        driver: 'other',
        deviceIds: many(64, (index) => `${index}`.padEnd(256, 'd')),
        capabilities: many(16, () => many(64, (index) => `${index}`.padEnd(10, 'c'))),
      })),
      sysctls: Object.fromEntries(many(64, (index) => [`net.${'x'.repeat(200)}${index}`, 1])),
      labels: Object.fromEntries(many(64, (index) => [`io.kubernetes.${'x'.repeat(200)}${index}`, 'x'])),
      links: Object.fromEntries(many(64, (index) => [`${'x'.repeat(200)}${index}`, 'x'])),
      ports: Object.fromEntries(many(64, (index) => [`${index}/tcp`, 1])),
      volumesFrom: many(64, (index) => 'v'.repeat(250) + index),
      storageOpt: Object.fromEntries(many(64, (index) => [`${'s'.repeat(200)}${index}`, 'x'])),
    },
  },
  'as many streams as there can be, with the longest addresses': {
    image: 'tool',
    transforms: many(1024, (index) => ({
      name: `t${index}`,
      connect: {
        input: { namedOutputPipe: { name: `p${index}` } },
        output: {
          chunkedTransferEncodingStream: { url: long(2048, 'https://stream.example.org/') },
        },
      },
    })),
  },
};
