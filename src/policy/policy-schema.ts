import { Type } from 'typebox';
import { policyOptionNames } from '../api/docker/option-risks.ts';
import { intOrString } from '../api/docker/option-fields.ts';
import { dockerOptions } from '../api/docker/options.ts';
import { rules, enumOf } from '../api/keywords.ts';
import {
  addressOrigin,
  imagePattern,
  namespacePattern,
  pathPrefix,
  plainAddress,
  sourceOf,
  volumePattern,
} from './patterns.ts';
import { runAllowances } from './run-schema.ts';

/** Entries per list, including those in `namespaces`: each run is compared with all of them. */
const maxEntries = {
  hostPaths: 128,
  namedVolumes: 64,
  dockerOptions: 128,
  images: 128,
  girderApiUrls: 128,
  streamUrls: 64,
  girderRedirects: 64,
  girderLimits: 64,
} as const;

const hostPath = Type.Object({
  pathPrefix: Type.String({
    description: 'A directory of the nodes. The entry applies to it and to everything below it.',
    minLength: 1,
    maxLength: 256,
    pattern: sourceOf(pathPrefix),
  }),
  readOnly: Type.Optional(
    Type.Boolean({
      description:
        'Whether runs may only read the directory. The entry with the longest pathPrefix that matches a path applies.',
    }),
  ),
});

const namedVolume = Type.Object({
  name: Type.String({
    description: 'The name of a volume of Docker, in which * matches any text.',
    minLength: 1,
    maxLength: 128,
    pattern: sourceOf(volumePattern),
  }),
  readOnly: Type.Optional(Type.Boolean({ description: 'Whether runs may only read the volume.' })),
  create: Type.Optional(
    Type.Boolean({
      description:
        'Whether runs may create the volume on a node that does not have it. It stays there until somebody removes it with docker volume rm.',
    }),
  ),
});

const allowedOption = Type.Object({
  option: enumOf(policyOptionNames, { description: 'The name of the option in spec.docker of a run.' }),
  values: Type.Optional(
    Type.Array(
      intOrString('The dangerous part of a value, as docs/policy.md describes it.', { maxLength: 256 }),
      {
        description: 'The allowed values. When absent, all values are allowed.',
        maxItems: 64,
      },
    ),
  ),
});

/** Apply to all runs, or as an entry of `namespaces` to those of some namespaces. */
const allowances = {
  hostPaths: Type.Optional(
    Type.Array(hostPath, {
      description:
        'The directories of the nodes that runs may mount (bindMount, dockerVolumes, temporary.hostDir).',
      maxItems: maxEntries.hostPaths,
    }),
  ),
  namedVolumes: Type.Optional(
    Type.Array(namedVolume, {
      description:
        'The named volumes of the Docker Engines on the nodes that runs may mount. Of several entries that match, each adds what it allows.',
      maxItems: maxEntries.namedVolumes,
    }),
  ),
  dockerOptions: Type.Optional(
    Type.Array(allowedOption, {
      description:
        "The allowed options of spec.docker that reach beyond the target's container. Many of them are equivalent to root access on the node.",
      maxItems: maxEntries.dockerOptions,
    }),
  ),
  images: Type.Optional(
    Type.Array(
      Type.String({
        description:
          'A pattern for the full name (docker.io/library/busybox:latest for busybox). * matches anything without a slash, ** matches anything, and a slash at the end matches everything below. Without a tag or digest it matches all of them.',
        minLength: 1,
        maxLength: 256,
        pattern: sourceOf(imagePattern),
      }),
      {
        description: 'When set, runs may use only these images.',
        maxItems: maxEntries.images,
      },
    ),
  ),
  girderApiUrls: Type.Optional(
    Type.Array(
      Type.String({
        description: 'An address as in spec.girder.apiUrl. A slash at its end is ignored.',
        maxLength: 1024,
        pattern: '^https?://',
      }),
      {
        description: 'When set, runs may use only these addresses of Girder.',
        maxItems: maxEntries.girderApiUrls,
      },
    ),
  ),
  streamUrls: Type.Optional(
    Type.Array(
      Type.String({
        description: 'A URL. The entry applies to it and to all paths below it.',
        maxLength: 256,
        pattern: sourceOf(plainAddress),
      }),
      {
        description: 'When set, a chunkedTransferEncodingStream may be sent only to these URLs.',
        maxItems: maxEntries.streamUrls,
      },
    ),
  ),
  girderRedirects: Type.Optional(
    Type.Array(
      Type.String({
        description: 'A scheme, a host and a port, such as http://minio.example.internal:9000.',
        maxLength: 256,
        pattern: `${sourceOf(addressOrigin)}$`,
      }),
      {
        description:
          "Servers to which Girder may redirect a download although they are not encrypted while Girder is, or are addresses of the node. Girder's token is not sent to them.",
        maxItems: maxEntries.girderRedirects,
      },
    ),
  ),
  girderLimits: Type.Optional(
    Type.Array(
      Type.Object({
        apiUrl: Type.String({
          description: 'An address as in spec.girder.apiUrl. A slash at its end is ignored.',
          maxLength: 1024,
          pattern: '^https?://',
        }),
        maxRuns: Type.Integer({
          description: 'How many DockerRuns of all sets together may use it at once, at most.',
          minimum: 0,
          maximum: 100_000,
        }),
      }),
      {
        description: 'How many DockerRuns of DockerRunSets may use a Girder at once.',
        maxItems: maxEntries.girderLimits,
      },
    ),
  ),
  sets: Type.Optional(
    Type.Object(
      {
        maxParallelism: Type.Optional(
          Type.Integer({
            description:
              'How many DockerRuns of one set may run at once, at most. A set with a higher parallelism is not refused: it gets so many.',
            minimum: 0,
            maximum: 10_000,
          }),
        ),
      },
      { description: 'What DockerRunSets may use.' },
    ),
  ),
  dockerDefaults: Type.Optional(
    Type.Unsafe<Type.Static<typeof dockerOptions>>({
      ...dockerOptions,
      description:
        'Docker options that apply to every target unless its run sets them. They need no entry in dockerOptions, because the administrator sets them.',
    }),
  ),
  dockerRequired: Type.Optional(
    Type.Unsafe<Type.Static<typeof dockerOptions>>({
      ...dockerOptions,
      description:
        'Docker options that apply to every target. A run that sets another value is refused; any of network, networkMode and networkDisabled fixes all three.',
    }),
  ),
  ...runAllowances,
};

const namespaceAllowances = Type.Object({
  names: Type.Array(
    Type.String({
      description: 'The name of a namespace, in which * matches any text.',
      minLength: 1,
      maxLength: 63,
      pattern: sourceOf(namespacePattern),
    }),
    { description: 'The namespaces that the entry applies to.', minItems: 1, maxItems: 32 },
  ),
  ...allowances,
});

const notTooMany = Object.entries(maxEntries).map(([list, count]) => ({
  rule: `(has(self.${list}) ? size(self.${list}) : 0) + (has(self.namespaces) ? self.namespaces.map(n, has(n.${list}) ? size(n.${list}) : 0).sum() : 0) <= ${count}`,
  message: `${list} can have at most ${count} entries, including those in namespaces`,
}));

export const policySpec = Type.Object(
  {
    ...allowances,
    namespaces: Type.Optional(
      Type.Array(namespaceAllowances, {
        description:
          'Additional permissions for some namespaces. All entries that match the namespace of a run are combined with the lists above. For dockerDefaults, dockerRequired and runDefaults, the last entry that sets a field wins; for max, the highest value.',
        maxItems: 64,
      }),
    ),
  },
  {
    description: 'What runs may use. Nothing on the nodes is allowed unless it is listed here.',
    ...rules(...notTooMany),
  },
);

export type PolicySpec = Type.Static<typeof policySpec>;

/** What is allowed to all runs, or to those of some namespaces. */
export type Allowances = Omit<PolicySpec, 'namespaces'>;
