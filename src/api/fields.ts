import { Type } from 'typebox';
import { exactlyOneOf, namedList, rules } from './keywords.ts';
import { temporaryVolumeName } from './names.ts';

/** The name of a volume or transform. */
export const referenceName = (what: string) =>
  Type.String({
    description: `${what}. Arguments refer to it as $(name).`,
    pattern: '^[A-Za-z]([A-Za-z0-9_.-]*[A-Za-z0-9])?$',
    maxLength: 63,
    ...rules({
      rule: `self != '${temporaryVolumeName}'`,
      message: `${temporaryVolumeName} is reserved for the volume that every run has`,
    }),
  });

export const absolutePath = (description: string) =>
  Type.String({
    description,
    maxLength: 1024,
    pattern: '^/',
    ...rules({
      rule: "!self.split('/').exists(part, part == '..' || part == '.')",
      message: "must be an absolute path without '.' and '..'",
    }),
  });

/** A component that is not empty, `.` or `..`. */
const pathPart = '([^/.][^/]*|[.][^/.][^/]*|[.][.][^/]+)';

export const relativePath = (
  description: string,
  { isWholeAllowed, ...options }: { default?: string; isWholeAllowed?: true } = {},
) =>
  Type.String({
    description,
    minLength: 1,
    maxLength: 1024,
    ...options,
    ...rules({
      // For the API server, a regular expression costs a tenth of a loop over the parts, and a short one less.
      rule: `${isWholeAllowed === true ? "self == '.' || " : ''}!('/' + self + '/').matches('/[.]?[.]?/')`,
      message: "must be a relative path inside the volume, without '.', '..' and empty parts",
    }),
  });

/** Where an input is mounted by itself, which needs a path with one spelling. */
export const ownContainerPath = (note = '') =>
  Type.String({
    description: `A path of its own in the target, at which it is mounted as well; $(name) is then this path. It must not be in another mount, and its volume must be temporary.${note}`,
    maxLength: 1024,
    ...rules({
      rule: `self.matches('^(/${pathPart})+$')`,
      message: "must be an absolute path without '.', '..' and empty parts",
    }),
  });

/** As relativePath, of up to 255 characters; a pattern costs the API server less than a rule. */
export const relativeFile = (description: string) =>
  Type.String({
    description: `${description} No part of it is empty or '.', or begins with '..'.`,
    pattern: '^\\.?[^/.][^/]*(/\\.?[^/.][^/]*)*$',
    maxLength: 255,
  });

/** A file or directory name: a path of one component. */
export const plainName = (description: string) =>
  Type.String({
    description,
    minLength: 1,
    maxLength: 255,
    ...rules({
      rule: "!self.contains('/') && self != '.' && self != '..'",
      message: "must be a name without '/'",
    }),
  });

export const girderId = (what: string, note?: string) =>
  Type.String({
    description: [`The ID of ${what} in Girder.`, ...(note === undefined ? [] : [note])].join(' '),
    pattern: '^[0-9a-f]{24}$',
    maxLength: 24,
  });

/** An ID, or a value of each input of spec.forEach, such as $(item.file.id). */
export const girderIdOfRun = (what: string, note?: string) =>
  Type.String({
    description: [`The ID of ${what} in Girder.`, ...(note === undefined ? [] : [note])].join(' '),
    pattern: '^([0-9a-f]{24}|[$][(]item([.][A-Za-z0-9_-]+)+[)])$',
    maxLength: 255,
  });

export const girderApiUrl = () =>
  Type.String({
    description:
      "The address of Girder's REST API, as the nodes reach it, for example https://data.example.org/api/v1.",
    pattern: '^https?://',
    maxLength: 1024,
  });

/** Names of two documents, below a collection or a user, are the least that leads to a folder. */
export const girderPath = (what: string) =>
  Type.String({
    description: `The path of ${what} in Girder in place of its ID, such as /collection/Study/scans or /user/jane/Public/scans. It is looked up once, when the run starts. In a name, \\- stands for / and \\\\ for \\, as in the paths that Girder itself shows.`,
    maxLength: 1024,
    ...rules({
      rule: "(self.startsWith('/collection/') || self.startsWith('/user/')) && size(self.split('/')) > 3 && !self.contains('//') && !self.endsWith('/')",
      message:
        'must be a path of Girder below a collection or user, such as /collection/Study/scans, without empty names',
    }),
  });

export const volumeReference = () =>
  Type.Optional(
    Type.String({
      description: `The name of the volume. Defaults to ${temporaryVolumeName}.`,
      maxLength: 63,
    }),
  );

export const secretName = (description = 'The name of the Secret, in the namespace of the run.') =>
  Type.String({ description, minLength: 1, maxLength: 253 });

export const secretKeyReference = (description: string) =>
  Type.Object(
    {
      name: secretName(),
      key: Type.String({ description: 'The key in the Secret.', minLength: 1, maxLength: 253 }),
    },
    { description },
  );

export type SecretKeyReference = Type.Static<ReturnType<typeof secretKeyReference>>;

export const configMapName = (description = 'The name of the ConfigMap, in the namespace of the run.') =>
  Type.String({ description, minLength: 1, maxLength: 253 });

const configMapKeyReference = Type.Object(
  {
    name: configMapName(),
    key: Type.String({ description: 'The key in the ConfigMap.', minLength: 1, maxLength: 253 }),
  },
  { description: 'The key of a ConfigMap that holds the value.' },
);

export type ConfigMapKeyReference = Type.Static<typeof configMapKeyReference>;

const valueOrReference = (what: string, secret: string, note = '') => ({
  value: Type.Optional(Type.String({ description: `The value of the ${what}.${note}`, maxLength: 32768 })),
  valueFrom: Type.Optional(
    Type.Object(
      {
        secretKeyRef: Type.Optional(
          secretKeyReference(`The key of a Secret that holds the value. ${secret}`),
        ),
        configMapKeyRef: Type.Optional(configMapKeyReference),
      },
      { description: 'The source of the value.', ...exactlyOneOf(['secretKeyRef', 'configMapKeyRef']) },
    ),
  ),
});

const notBoth = rules({
  rule: '!(has(self.value) && has(self.valueFrom))',
  message: 'set value or valueFrom, not both',
});

const environmentVariable = Type.Object(
  {
    name: Type.String({
      description: 'The name of the variable.',
      pattern: '^[^=]+$',
      minLength: 1,
      maxLength: 256,
    }),
    ...valueOrReference(
      'variable',
      'Only the worker and the target see its value.',
      ' $(name) is expanded as in args; as in a pod, the name of no volume or transform is left as it is.',
    ),
  },
  notBoth,
);

const header = Type.Object(
  {
    name: Type.String({
      description: 'The name of the header.',
      pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
      maxLength: 256,
    }),
    ...valueOrReference('header', 'Only the worker and the server see its value.'),
  },
  notBoth,
);

export const environmentVariables = () =>
  namedList(environmentVariable, { description: "The target's environment variables.", maxItems: 256 });

export const requestHeaders = () =>
  namedList(header, {
    description: 'Headers of the request, for example for authentication.',
    maxItems: 32,
  });

/** A name with a value, or with a reference to the key of a Secret or ConfigMap. */
export type NamedValue = Type.Static<typeof environmentVariable>;

/** How many keys metadata of Girder may have; the bound of the whole spec is the bound of what is below them. */
export const maxMetadataKeys = 256;

/** A JSON object whose fields the schema does not check. A structural schema cannot bound its depth. */
export const anyObject = (description: string) =>
  Type.Unsafe<Record<string, unknown>>({
    type: 'object',
    description,
    maxProperties: maxMetadataKeys,
    'x-kubernetes-preserve-unknown-fields': true,
  });

export const seconds = (
  description: string,
  options: { minimum: number; maximum?: number; default?: number },
) => Type.Integer({ description, maximum: 31_536_000, ...options });

const forbiddenHeaders = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** True for a header that the HTTP client itself sets. */
export function isForbiddenHeader(name: string): boolean {
  return forbiddenHeaders.has(name.toLowerCase());
}

/** What is wrong with the address of Girder, in words that follow the name of the field; without its password. */
export function apiUrlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is not a URL';
  const { protocol, username, password, search, hash, origin, pathname } = new URL(text);
  if (protocol !== 'http:' && protocol !== 'https:')
    return `must start with http:// or https://, not ${protocol}`;
  const isPlain = username === '' && password === '' && search === '' && hash === '';
  return isPlain ? undefined : `must not have a user, password, ? or # (at ${origin}${pathname})`;
}

/** Whether a text can be sent as the value of a header: one line, in the characters of Latin-1. */
export function isHeaderText(text: string): boolean {
  return !/[^\t\x20-\x7e\x80-\xff]/.test(text);
}

export function metadataKeyProblem(metadata: Readonly<Record<string, unknown>> = {}): string | undefined {
  const strange = Object.keys(metadata).find((key) => key === '' || key.includes('.') || key.startsWith('$'));
  if (strange === undefined) return undefined;
  return `Girder does not accept the key ${JSON.stringify(strange)}: a key must not be empty, contain "." or start with "$"`;
}
