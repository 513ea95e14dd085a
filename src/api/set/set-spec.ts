import { Type } from 'typebox';
import { girderApiUrl, girderId, girderPath, secretName, seconds } from '../fields.ts';
import { exactlyOneOf, enumOf, quantity, rules } from '../keywords.ts';
import { templateSpec } from '../spec.ts';
import { maxForEachItems } from '../for-each.ts';

const folder = (what: string) =>
  Type.Object(
    { id: Type.Optional(girderId(what)), path: Type.Optional(girderPath(what)) },
    {
      description: `${what[0]?.toUpperCase()}${what.slice(1)}, by its ID or its path.`,
      ...exactlyOneOf(['id', 'path']),
    },
  );

const duration = (description: string) =>
  Type.String({ description, pattern: '^([0-9]+h)?([0-9]+m)?([0-9]+s)?$', minLength: 2, maxLength: 16 });

const girder = Type.Object(
  {
    apiUrl: girderApiUrl(),
    credentialsSecretRef: Type.Object(
      { name: secretName('The name of the Secret, in the namespace of the set.') },
      {
        description:
          'A Secret in the namespace of the set that has the key apiKey (an API key of Girder) or token.',
      },
    ),
  },
  { description: 'The Girder that holds the inputs and the results.' },
);

/** What `item` of `where` has; of a folder, folderId is the folder around it. */
export const whereFields = ['id', 'name', 'size', 'created', 'updated', 'folderId', 'meta'] as const;

const source = Type.Object(
  {
    folder: folder('the folder with the inputs'),
    recursive: Type.Boolean({ description: 'Whether the folders in it are walked as well.', default: true }),
    each: enumOf(['Item', 'Folder'], {
      description:
        'What an input is: an item, or a folder that has items (a series, a case) with everything in it.',
      default: 'Item',
    }),
    names: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
        description:
          'Patterns of names, such as *.svs: * stands for any text, ? for one character. An input has to match one.',
        maxItems: 64,
      }),
    ),
    where: Type.Optional(
      Type.String({
        description: `A CEL expression over item, the input, which has only ${whereFields.join(', ')}, for example has(item.meta.stain) && item.meta.stain == 'H&E'. Inputs for which it is not true are excluded.`,
        minLength: 1,
        maxLength: 4096,
      }),
    ),
    settleSeconds: seconds(
      'An input that changed within so many seconds is left for the next pass, as its upload may not be complete.',
      { minimum: 0, maximum: 86_400, default: 60 },
    ),
  },
  { description: 'Where the inputs are, and which of them count.' },
);

const results = Type.Object(
  {
    folder: Type.Optional(folder('the folder for the results')),
    createFolder: Type.Boolean({
      description: 'Whether the folder of path is created in Girder if it does not exist.',
      default: true,
    }),
    place: enumOf(['Mirror', 'Input'], {
      description:
        'Mirror puts the result item of an input into the folder for the results, below folders named like those of the source. Input puts it beside the input, named <input>.<name of the set>.',
      default: 'Mirror',
    }),
    log: enumOf(['Always', 'OnFailure', 'Never'], {
      description: 'When the output of the target becomes log.txt in the result item.',
      default: 'Always',
    }),
    whenInputIsGone: enumOf(['Keep', 'Mark', 'Delete'], {
      description:
        'What happens to a result whose input no longer exists: nothing, a mark in its receipt, or deletion.',
      default: 'Mark',
    }),
  },
  {
    description: 'Where the results go.',
    ...rules({
      rule: "(has(self.place) && self.place == 'Input') != has(self.folder)",
      message: 'set folder, unless place is Input',
    }),
  },
);

const template = Type.Object(
  { spec: templateSpec },
  {
    description:
      'The spec of the DockerRuns, which may use $(item) and $(result) as paths, and $(item.id), $(item.name), $(item.path), $(item.size), $(item.folderId), $(item.file.id), $(item.file.name) and $(item.meta.KEY) in any text.',
    ...rules({
      rule: '!has(self.spec.forEach) && !has(self.spec.girder)',
      message: 'forEach and girder of the template come from the set: use spec.girder',
    }),
  },
);

/** What the API server sets where a set has no value. */
export const setDefaults = {
  parallelism: 10,
  chunkItems: 25,
  chunkSeconds: 900,
  retries: 2,
  canary: 3,
} as const;

/** `spec` of a DockerRunSet. */
export const dockerRunSetSpec = Type.Object(
  {
    girder,
    source,
    results,
    template,
    version: Type.Optional(
      Type.String({
        description: 'Part of what makes a result: a new value does all inputs again.',
        maxLength: 256,
      }),
    ),
    parallelism: Type.Integer({
      description: 'How many pods run at once, at most.',
      minimum: 1,
      maximum: 10_000,
      default: setDefaults.parallelism,
    }),
    chunk: Type.Optional(
      Type.Object(
        {
          items: Type.Integer({
            description: 'How many inputs a pod processes one after another, at most.',
            minimum: 1,
            maximum: maxForEachItems,
            default: setDefaults.chunkItems,
          }),
          seconds: seconds(
            'About how long a pod should take: the number of its inputs follows from the past ones.',
            {
              minimum: 1,
              maximum: 86_400,
              default: setDefaults.chunkSeconds,
            },
          ),
        },
        { description: 'How many inputs a pod processes.' },
      ),
    ),
    retries: Type.Integer({
      description: 'How many times an input is tried again after a failure that may pass.',
      minimum: 0,
      maximum: 100,
      default: setDefaults.retries,
    }),
    escalate: Type.Optional(
      Type.Object(
        {
          onOOM: Type.Array(quantity(), {
            description: 'The memory limits of the next attempts of an input whose target ran out of memory.',
            minItems: 1,
            maxItems: 8,
          }),
        },
        { description: 'What later attempts get more of.' },
      ),
    ),
    canary: Type.Integer({
      description:
        'How many inputs have to succeed, one in a pod, before the others start. 0 starts all at once.',
      minimum: 0,
      maximum: 100,
      default: setDefaults.canary,
    }),
    failureBudget: Type.Optional(
      Type.Object(
        {
          percent: Type.Optional(
            Type.Integer({
              description:
                'The set pauses when more of the inputs of a pass have failed; counted from 20 inputs on.',
              minimum: 0,
              maximum: 100,
            }),
          ),
          consecutive: Type.Optional(
            Type.Integer({
              description: 'The set pauses when so many inputs in a row failed for the same reason.',
              minimum: 1,
              maximum: 10_000,
            }),
          ),
        },
        { description: 'When the set pauses because of failures.' },
      ),
    ),
    watch: Type.Optional(
      Type.Object(
        {
          every: duration('How long after the end of a pass the next one starts, such as 10m.'),
          verifyEvery: Type.Optional(
            duration(
              'How often the files of each input are looked at, to find those replaced by others of the same size.',
            ),
          ),
        },
        { description: 'Starts a pass again and again.' },
      ),
    ),
    schedule: Type.Optional(
      Type.Object(
        {
          cron: Type.String({
            description: 'When a pass starts, such as 0 2 * * *.',
            minLength: 9,
            maxLength: 128,
          }),
          timeZone: Type.Optional(
            Type.String({
              description: 'The time zone of cron, such as Europe/Berlin. Defaults to UTC.',
              maxLength: 64,
            }),
          ),
        },
        { description: 'Starts a pass at fixed times.' },
      ),
    ),
    retryFailed: Type.Optional(
      Type.String({ description: 'A new value tries once more what has failed for good.', maxLength: 256 }),
    ),
    dryRun: Type.Optional(
      Type.Boolean({
        description: 'true starts nothing: the report of the pass says what would run, and why.',
        default: false,
      }),
    ),
    suspend: Type.Optional(
      Type.Boolean({ description: 'true starts nothing more; what runs is completed.', default: false }),
    ),
    cancel: Type.Optional(
      Type.Boolean({ description: 'true ends the set for good and stops what runs.', default: false }),
    ),
  },
  {
    description: 'What to run over which inputs.',
    ...rules({
      rule: '!(has(self.watch) && has(self.schedule))',
      message:
        'set watch or schedule, not both; without them, the set is complete when a pass finds nothing to do',
    }),
  },
);

export type DockerRunSetSpec = Type.Static<typeof dockerRunSetSpec>;

/** Seconds of a duration such as 1h30m. */
export function secondsOf(text: string): number {
  const [, hours = '0', minutes = '0', rest = '0'] = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text) ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);
}
