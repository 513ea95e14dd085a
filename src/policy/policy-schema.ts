import { Type } from 'typebox';
import { policyOptionNames } from '../api/docker/option-risks.ts';
import { intOrString } from '../api/docker/option-fields.ts';
import { dockerOptions } from '../api/docker/options.ts';
import { rules, enumOf } from '../api/keywords.ts';
import { imagePattern, namespacePattern, pathPrefix, plainAddress, sourceOf } from './patterns.ts';

/** How many entries a list has at most, those of namespaces included: a run is compared with all of them. */
const most = { hostPaths: 128, dockerOptions: 128, images: 128, girderApiUrls: 128, streamUrls: 64 } as const;

const hostPath = Type.Object({
  pathPrefix: Type.String({
    description: 'A directory of the nodes; the entry is about it and everything below it.',
    minLength: 1,
    maxLength: 256,
    pattern: sourceOf(pathPrefix),
  }),
  readOnly: Type.Optional(
    Type.Boolean({
      description:
        'Whether runs may only read there. A path is usable in every way that one of the entries allows it.',
    }),
  ),
});

const allowedOption = Type.Object({
  option: enumOf(policyOptionNames, { description: 'The option, by its name in spec.docker of a run.' }),
  values: Type.Optional(
    Type.Array(
      intOrString('A value: the part of it that is dangerous, see docs/policy.md.', { maxLength: 256 }),
      {
        description: 'The values that are allowed; any when absent.',
        maxItems: 64,
      },
    ),
  ),
});

/** What can be allowed, to everybody or in some namespaces. */
const allowances = {
  hostPaths: Type.Optional(
    Type.Array(hostPath, {
      description:
        'Directories of the nodes that runs may mount (bindMount, dockerVolumes, temporary.hostDir).',
      maxItems: most.hostPaths,
    }),
  ),
  dockerOptions: Type.Optional(
    Type.Array(allowedOption, {
      description:
        "Options of spec.docker that reach beyond the target's container. Many of them make it as powerful as root on the node.",
      maxItems: most.dockerOptions,
    }),
  ),
  images: Type.Optional(
    Type.Array(
      Type.String({
        description:
          'A pattern, compared with the whole name (docker.io/library/busybox:latest for busybox): * is anything without a slash, ** anything, a slash at the end all below it. Without a tag or digest it is about all of them.',
        minLength: 1,
        maxLength: 256,
        pattern: sourceOf(imagePattern),
      }),
      { description: 'When set, the only images that runs may use.', maxItems: most.images },
    ),
  ),
  girderApiUrls: Type.Optional(
    Type.Array(
      Type.String({
        description: 'An address as in spec.girder.apiUrl; a slash at its end does not matter.',
        maxLength: 1024,
        pattern: '^https?://',
      }),
      {
        description: 'When set, the only addresses of Girder that runs may name.',
        maxItems: most.girderApiUrls,
      },
    ),
  ),
  streamUrls: Type.Optional(
    Type.Array(
      Type.String({
        description: 'An address; the entry is about it and all paths below it.',
        maxLength: 256,
        pattern: sourceOf(plainAddress),
      }),
      {
        description: 'When set, the only addresses that a chunkedTransferEncodingStream may be sent to.',
        maxItems: most.streamUrls,
      },
    ),
  ),
  dockerDefaults: Type.Optional(
    Type.Unsafe<Type.Static<typeof dockerOptions>>({
      ...dockerOptions,
      description:
        "Options of Docker that every target gets unless its run sets them. They are the administrator's own and need no entry in dockerOptions.",
    }),
  ),
};

const namespaceAllowances = Type.Object({
  names: Type.Array(
    Type.String({
      description: 'The name of a namespace; * in it is any text.',
      minLength: 1,
      maxLength: 63,
      pattern: sourceOf(namespacePattern),
    }),
    { description: 'The namespaces that the entry is about.', minItems: 1, maxItems: 32 },
  ),
  ...allowances,
});

const notTooMany = Object.entries(most).map(([list, count]) => ({
  rule: `(has(self.${list}) ? size(self.${list}) : 0) + (has(self.namespaces) ? self.namespaces.map(n, has(n.${list}) ? size(n.${list}) : 0).sum() : 0) <= ${count}`,
  message: `${list} can have ${count} entries at most, those of namespaces included`,
}));

/** `spec` of a DockerRunPolicy. */
export const policySpec = Type.Object(
  {
    ...allowances,
    namespaces: Type.Optional(
      Type.Array(namespaceAllowances, {
        description:
          'What is allowed in some namespaces besides: all entries that name the namespace of a run count together with the lists above. Of dockerDefaults the last one counts, option by option.',
        maxItems: 64,
      }),
    ),
  },
  {
    description: 'What runs may use. Nothing of the nodes is allowed until it stands here.',
    ...rules(...notTooMany),
  },
);

/** `spec` of a DockerRunPolicy. */
export type PolicySpec = Type.Static<typeof policySpec>;

/** What is allowed at one place in it: to all runs, or to those of some namespaces. */
export type Allowances = Omit<PolicySpec, 'namespaces'>;
