import { type ClassKind, classKinds } from './class-kinds.ts';
import type { PyObject, PyValue } from './python-value.ts';
import { quote, Refusal } from './refusal.ts';

/** What a parameter of a class of Girder Worker holds. */
export type ParameterForm = 'id' | 'path' | 'name' | 'url' | 'object' | 'volume' | 'headers' | 'plain';

type Parameter = {
  /** In Python. */
  readonly name: string;
  /** Where its object has it. */
  readonly attribute: string;
  readonly form: ParameterForm;
  readonly isRequired?: true;
};

const required = (name: string, attribute: string, form: ParameterForm): Parameter => ({
  name,
  attribute,
  form,
  isRequired: true,
});
const optional = (name: string, attribute: string, form: ParameterForm): Parameter => ({
  name,
  attribute,
  form,
});

const volume = optional('volume', '_volume', 'volume');
const client = optional('gc', 'gc', 'plain');
const pipe = [
  required('name', 'name', 'name'),
  optional('container_path', '_container_path', 'path'),
  optional('host_path', '_host_path', 'path'),
  volume,
];
const upload = [
  optional('delete_file', 'delete_file', 'plain'),
  optional('upload_kwargs', 'upload_kwargs', 'plain'),
];

/**
 * The parameters of the classes of Girder Worker, in their order, and the attributes that its objects have of them:
 * https://github.com/girder/girder_worker/blob/master/girder_worker/docker/transforms/
 */
const constructors = {
  BindMountVolume: [
    required('host_path', '_host_path', 'path'),
    required('container_path', '_container_path', 'path'),
    optional('mode', 'mode', 'plain'),
  ],
  TemporaryVolume: [optional('host_dir', 'host_dir', 'path'), optional('mode', '_mode', 'plain')],
  VolumePath: [required('filename', 'filename', 'name'), volume],
  NamedInputPipe: pipe,
  NamedOutputPipe: pipe,
  Connect: [required('input', '_input', 'object'), required('output', '_output', 'object')],
  HostStdOut: [],
  HostStdErr: [],
  ContainerStdOut: [],
  ContainerStdErr: [],
  ChunkedTransferEncodingStream: [required('url', 'url', 'url'), optional('headers', 'headers', 'headers')],
  ProgressPipe: [optional('name', 'name', 'name'), volume],
  GirderFileIdToStream: [required('_id', 'file_id', 'id'), client],
  GirderFileIdToVolume: [
    required('_id', '_file_id', 'id'),
    volume,
    optional('filename', '_filename', 'name'),
    client,
  ],
  GirderItemIdToVolume: [
    required('_id', '_item_id', 'id'),
    volume,
    // It never had an effect.
    optional('item_name', '_item_name', 'plain'),
    client,
  ],
  GirderFolderIdToVolume: [
    required('_id', '_folder_id', 'id'),
    volume,
    optional('folder_name', '_folder_name', 'name'),
    client,
  ],
  GirderUploadVolumePathToItem: [
    required('volumepath', '_volumepath', 'object'),
    required('item_id', 'item_id', 'id'),
    ...upload,
    client,
  ],
  GirderUploadVolumePathToFolder: [
    required('volumepath', '_volumepath', 'object'),
    required('folder_id', 'folder_id', 'id'),
    ...upload,
    optional('must_exist', 'must_exist', 'plain'),
    client,
  ],
  GirderUploadVolumePathJobArtifact: [
    required('volumepath', '_volumepath', 'object'),
    optional('job_id', 'job_id', 'id'),
    optional('name', '_name', 'name'),
    optional('upload_on_exception', 'upload_on_exception', 'plain'),
    client,
  ],
  DirectGirderFileIdToVolume: [
    required('_id', '_file_id', 'id'),
    optional('filename', '_filename', 'name'),
    optional('direct_file_path', '_direct_file_path', 'path'),
    client,
  ],
  CommaJoinedVolumes: [required('volumes', '_volumes', 'object')],
  GirderApiUrl: [client],
  GirderToken: [client],
} as const satisfies Partial<Record<ClassKind, readonly Parameter[]>>;

/** The classes of Girder Worker that a program calls itself. */
export type ConstructedKind = keyof typeof constructors;

export const constructedKinds = Object.keys(constructors) as readonly ConstructedKind[];

export function isConstructed(kind: ClassKind): kind is ConstructedKind {
  return Object.hasOwn(constructors, kind);
}

export function parametersOf(kind: ConstructedKind): readonly Parameter[] {
  return constructors[kind];
}

/** The names in Python by the kinds. */
const classNames = new Map(Array.from(classKinds, ([name, kind]) => [kind, name]));

/** An object of the class with these attributes, as it stands in a message. */
export function objectOf(kind: ClassKind, attributes: ReadonlyMap<string, PyValue> = new Map()): PyObject {
  return { kind: 'object', className: classNames.get(kind) ?? kind, attributes: new Map(attributes) };
}

/** An argument of a call, and its keyword if it has one. */
export type GivenArgument = { readonly keyword: string | undefined; readonly value: PyValue };

/**
 * What the call of a class makes.
 * @throws Refusal for arguments that the class does not take
 */
export function constructed(kind: ConstructedKind, given: readonly GivenArgument[]): PyObject {
  const parameters = parametersOf(kind);
  const attributes = new Map<string, PyValue>();
  for (const [index, { keyword, value }] of given.entries()) {
    const parameter =
      keyword === undefined ? parameters[index] : parameters.find(({ name }) => name === keyword);
    if (parameter === undefined)
      throw new Refusal(
        `${kind} has no ${keyword === undefined ? `argument ${index + 1}` : `argument ${quote(keyword)}`}; it has ${parameters.map(({ name }) => name).join(', ')}`,
      );
    if (attributes.has(parameter.attribute))
      throw new Refusal(`${kind} has the argument ${quote(parameter.name)} twice`);
    attributes.set(parameter.attribute, value);
  }
  const missing = parameters.find(({ isRequired, attribute }) => isRequired && !attributes.has(attribute));
  if (missing !== undefined) throw new Refusal(`${kind} needs ${quote(missing.name)}`);
  if (kind === 'ProgressPipe' && !attributes.has('name')) attributes.set('name', '.girder_progress');
  return objectOf(kind, attributes);
}
