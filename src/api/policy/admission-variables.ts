import { referenceVariables } from './admission-references.ts';
import { celNormalCapability } from '../docker/capabilities.ts';
import { celOr, celPattern, celTuple } from '../cel-text.ts';
import { celDangerousOptions, policyOptionNames } from '../docker/option-risks.ts';
import { celCanonicalAddress, celOrigin, celWithoutLastSlashes, celWithoutQuery } from './addresses.ts';
import { celMatchesGlob } from './glob.ts';
import { celImageName, celImagePatterns, celImageVersion, celMatchesImage, celWholeName } from './images.ts';
import { celIsWithin, celPlainPath } from './paths.ts';
import { imageId } from './patterns.ts';

/** A named expression of a ValidatingAdmissionPolicy; later ones and its rules use it as `variables.name`. */
export type CelVariable = { readonly name: string; readonly expression: string };

/** All that counts in the namespace of the request, as `allowancesFor` puts it together for the controller. */
const isNamed = celMatchesGlob('request.namespace', 'name');
const entries = `[dyn(params.spec)] + (has(params.spec.namespaces) ? dyn(params.spec.namespaces).filter(entry, entry.names.exists(name, ${isNamed})) : [])`;

/** One list of every entry that has it. */
const listed = (list: string) => `variables.entries.filter(entry, has(entry.${list}))`;

const prefixes = (which: string) =>
  `${listed('hostPaths')}.map(entry, entry.hostPaths${which}.map(path, ${celPlainPath('path.pathPrefix')}))`;

/** Where a transform can name a volume into which the worker writes, as `placeOf` knows it for the controller. */
const written = [
  'girderFileIdToVolume',
  'girderItemIdToVolume',
  'girderFolderIdToVolume',
  'progressPipe',
  'namedInputPipe',
  'namedOutputPipe',
  'connect.?input.?namedOutputPipe',
  'connect.?output.?namedInputPipe',
].map((place) => `one.?${place}.?volume.orValue('')`);

const deletes = (kind: string) => `(has(one.${kind}) && one.${kind}.deleteFile)`;
const [toItem, toFolder] = ['girderUploadVolumePathToItem', 'girderUploadVolumePathToFolder'];

const isWritten =
  'variables.writtenVolumes.exists(list, one.name in list) || one.name in variables.emptiedVolumes';

/** Each use of a host path as [field, path, plain path, `w` if it writes]. */
const pathUse = (field: string, path: string, writes: string) =>
  celTuple(field, path, celPlainPath(path), `(${writes} ? 'w' : '')`);
const bindMountUse = pathUse(
  "'spec.volumes: ' + one.name",
  'one.bindMount.hostPath',
  `one.bindMount.mode == 'rw' || ${isWritten}`,
);
const temporaryUse = pathUse("'spec.volumes: ' + one.name", 'one.temporary.hostDir', 'true');
const usesHost = 'has(one.bindMount) || (has(one.temporary) && has(one.temporary.hostDir))';
const volumePaths = `variables.volumes.filter(one, ${usesHost}).map(one, has(one.bindMount)\n? ${bindMountUse}\n: ${temporaryUse})`;
const dockerUse = pathUse("'spec.dockerVolumes'", 'path', "object.spec.dockerVolumes[path].mode == 'rw'");
const dockerPaths = `${celOr('object.spec', 'dockerVolumes', '{}')}.map(path, ${dockerUse})`;

const isAllowedUse = `(use[3] == 'w' ? ${celIsWithin('use[2]', 'variables.writablePaths')} : ${celIsWithin('use[2]', 'variables.readablePaths')})`;

const hostPaths: CelVariable[] = [
  { name: 'readablePaths', expression: prefixes('') },
  { name: 'writablePaths', expression: prefixes('.filter(path, !has(path.readOnly) || !path.readOnly)') },
  { name: 'volumes', expression: celOr('object.spec', 'volumes', '[]') },
  { name: 'transforms', expression: celOr('object.spec', 'transforms', '[]') },
  { name: 'writtenVolumes', expression: `variables.transforms.map(one, [${written.join(', ')}])` },
  {
    name: 'emptiedNames',
    expression: `${celOr('object.spec', 'girderResultHooks', '[]')}.filter(one, ${deletes(toItem)} || ${deletes(toFolder)}).map(one, has(one.${toItem}) ? one.${toItem}.volumePath : one.${toFolder}.volumePath)`,
  },
  {
    name: 'emptiedVolumes',
    expression: `variables.emptiedNames.filter(name, !variables.transforms.exists(one, one.name == name && has(one.volumePath)))
+ variables.transforms.filter(one, has(one.volumePath) && one.name in variables.emptiedNames).map(one, one.volumePath.?volume.orValue(''))`,
  },
  { name: 'volumePaths', expression: volumePaths },
  { name: 'dockerPaths', expression: dockerPaths },
  { name: 'refusedVolumePaths', expression: `variables.volumePaths.filter(use, !${isAllowedUse})` },
  { name: 'refusedDockerPaths', expression: `variables.dockerPaths.filter(use, !${isAllowedUse})` },
];

const splitImage = { name: celImageName('object.spec.image'), version: celImageVersion('object.spec.image') };

const images: CelVariable[] = [
  {
    name: 'imagePatterns',
    expression: `${listed('images')}.map(entry, ${celImagePatterns('entry.images')})`,
  },
  { name: 'isImageId', expression: `object.spec.image.matches(${celPattern(imageId)})` },
  { name: 'givenImageName', expression: splitImage.name },
  { name: 'givenImageVersion', expression: splitImage.version },
  { name: 'imageName', expression: celWholeName('variables.givenImageName') },
  {
    name: 'imageVersion',
    expression: "variables.givenImageVersion == '' ? ':latest' : variables.givenImageVersion",
  },
  {
    name: 'isImageAllowed',
    expression: `variables.imagePatterns.size() == 0 || (!variables.isImageId && variables.imagePatterns.exists(list, list.exists(pattern, ${celMatchesImage('variables.imageName', 'variables.imageVersion', 'pattern')})))`,
  },
];

/** What is allowed as [[option, `any` or nothing], values]. */
const normalValue = `(allowed.option == 'capAdd' ? ${celNormalCapability('string(value)')} : string(value))`;
const allowedValues = `has(allowed.values) ? allowed.values.map(value, ${normalValue}) : []`;
const allowedOption = `[${celTuple('allowed.option', "has(allowed.values) ? '' : 'any'")}, ${allowedValues}]`;
const isAllowed = "allowed[0][0] == danger[0] && (allowed[0][1] == 'any' || danger[1] in allowed[1])";

/** The options in parts that keep their order, since the API server bounds what one expression costs. */
const partSize = 6;
const parts = Array.from({ length: Math.ceil(policyOptionNames.length / partSize) }, (_, part) =>
  policyOptionNames.slice(part * partSize, (part + 1) * partSize),
);

const options: CelVariable[] = [
  { name: 'docker', expression: celOr('object.spec', 'docker', '{}') },
  {
    name: 'allowedOptions',
    expression: `${listed('dockerOptions')}.map(entry, entry.dockerOptions.map(allowed, ${allowedOption}))`,
  },
  ...parts.map((names, part) => ({
    name: `refusedOptions${part}`,
    expression: `(${celDangerousOptions('variables.docker', names)}).filter(danger, !variables.allowedOptions.exists(list, list.exists(allowed, ${isAllowed})))`,
  })),
  {
    name: 'refusedOptions',
    expression: parts.map((_, part) => `variables.refusedOptions${part}`).join(' + '),
  },
];

const plainUrl = celWithoutLastSlashes('url');
const isSameGirder = `${plainUrl} == ${celWithoutLastSlashes('object.spec.girder.apiUrl')}`;

const streamUrl = 'one.connect.output.chunkedTransferEncodingStream.url';
const addresses: CelVariable[] = [
  {
    name: 'isGirderAllowed',
    expression: `!has(object.spec.girder) || ${listed('girderApiUrls')}.size() == 0 || ${listed('girderApiUrls')}.exists(entry, entry.girderApiUrls.exists(url, ${isSameGirder}))`,
  },
  {
    name: 'streamRoots',
    expression: `${listed('streamUrls')}.map(entry, entry.streamUrls.map(url, ${celTuple('url', celOrigin('url'))}).map(url, ${celTuple('url[1]', 'url[0].substring(url[1].size())')}).map(url, ${celCanonicalAddress('url[0]', 'url[1]')}).filter(url, url != '').map(url, ${plainUrl} + '/'))`,
  },
  {
    name: 'streams',
    expression: `variables.transforms.filter(one, has(one.connect) && has(one.connect.output.chunkedTransferEncodingStream)).map(one, ${celTuple('one.name', celWithoutQuery(streamUrl))})`,
  },
  {
    name: 'streamOrigins',
    expression: `variables.streams.map(stream, ${celTuple('stream[0]', 'stream[1]', celOrigin('stream[1]'))})`,
  },
  {
    name: 'streamParts',
    expression: `variables.streamOrigins.map(stream, ${celTuple('stream[0]', 'stream[1]', 'stream[2]', 'stream[1].substring(stream[2].size())')})`,
  },
  {
    name: 'streamAddresses',
    expression: `variables.streamParts.map(stream, ${celTuple('stream[0]', 'stream[1]', `${celCanonicalAddress('stream[2]', 'stream[3]')} + '/'`)})`,
  },
  {
    // What is compared, since no address of a policy is longer.
    name: 'streamBeginnings',
    expression: `variables.streamAddresses.map(stream, ${celTuple('stream[0]', 'stream[1]', '(stream[2].size() > 260 ? stream[2].substring(0, 260) : stream[2])')})`,
  },
  {
    name: 'refusedStreams',
    expression: `variables.streamRoots.size() == 0 ? [] : variables.streamBeginnings.filter(stream, !variables.streamRoots.exists(list, list.exists(root, stream[2].startsWith(root))))`,
  },
];

/** What the rules of the ValidatingAdmissionPolicy need, in the order in which they need each other. */
export const admissionVariables: readonly CelVariable[] = [
  { name: 'entries', expression: entries },
  ...hostPaths,
  ...images,
  ...options,
  ...addresses,
  ...referenceVariables,
];
