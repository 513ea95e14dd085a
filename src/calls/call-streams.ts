import { posix } from 'node:path';
import { isPyDict, isPyObject, type PyObject, type PyValue } from './python-value.ts';
import { nameOf, optionalText, requiredId, requiredText, unknownClass } from './attributes.ts';
import type { CallSource } from './call-source.ts';
import { kindOf } from './class-kinds.ts';
import { quote, Refusal } from './refusal.ts';
import type { RunParts } from './run-parts.ts';
import { volumeField } from './run-transforms.ts';
import { volumeTitle } from './run-volumes.ts';
import { absolutePathOf, pathInVolume } from './volume-paths.ts';

type Pipe = { readonly name: string; readonly volume?: string };

/**
 * A named pipe of the message: in a volume, or at two paths. Paths in a bind mount of the message are a place in it;
 * others only have to be the same for worker and target, so that a pipe of a stream can be in any volume.
 */
export function pipeOf(object: PyObject, parts: RunParts, isOfStream: boolean): Pipe {
  const name = pathInVolume(requiredText(object, 'name'), `the name of ${nameOf(object)}`);
  if (name === '.') throw new Refusal(`the name of ${nameOf(object)} is not that of a file`);
  const [host, container] = [optionalText(object, '_host_path'), optionalText(object, '_container_path')];
  const volume = object.attributes.get('_volume');
  if (isPyObject(volume) || host === undefined || container === undefined)
    return { name, ...volumeField(parts.volumes.nameOf(volume, volumeTitle(object))) };
  const place = parts.volumes.around(
    absolutePathOf(host, 'the path of a pipe on the node'),
    absolutePathOf(container, 'the path of a pipe in the target'),
  );
  if (place !== undefined) return { name: posix.join(place.below, name), ...volumeField(place.name) };
  if (!isOfStream)
    throw new Refusal(
      `the pipe ${quote(name)} has paths (host_path, container_path) that are in no BindMountVolume of the task; give it a volume in their place`,
    );
  parts.notes.add(
    `The pipe ${quote(name)} is in the temporary volume, not at its paths (host_path, container_path).`,
  );
  return { name };
}

type Connected = { readonly connect: object; readonly hasPipe: boolean };

/** A Connect of the message. @throws Refusal for a pair of ends that Girder Worker cannot connect either */
export function connectOf(object: PyObject, where: string, parts: RunParts): Connected {
  const [input, output] = [endOf(object, '_input', where), endOf(object, '_output', where)];
  const [from, to] = [kindOf(input), kindOf(output)];
  if ((from === 'GirderFileIdToStream') !== (to === 'NamedInputPipe'))
    throw new Refusal(
      `${where}: Connect of ${nameOf(input)} to ${nameOf(output)} is not possible; connect GirderFileIdToStream to a NamedInputPipe, and a NamedOutputPipe to another output`,
    );
  const connect = { input: inputOf(input, where, parts), output: outputOf(output, where, parts) };
  return { connect, hasPipe: from === 'NamedOutputPipe' || to === 'NamedInputPipe' };
}

function endOf(connect: PyObject, attribute: string, where: string): PyObject {
  const end = connect.attributes.get(attribute);
  if (isPyObject(end)) return end;
  throw new Refusal(`${where}: ${attribute} of Connect is not an object`);
}

function inputOf(input: PyObject, where: string, parts: RunParts): object {
  switch (kindOf(input)) {
    case 'GirderFileIdToStream':
      parts.source.useGirder(input);
      return { girderFileIdToStream: { fileId: requiredId(input, 'file_id') } };
    case 'NamedOutputPipe':
      return { namedOutputPipe: pipeOf(input, parts, true) };
    case 'ContainerStdOut':
      return { containerStdOut: {} };
    case 'ContainerStdErr':
      return { containerStdErr: {} };
    default:
      throw unknownClass(input, `${where}: the input of Connect`, 'GirderFileIdToStream or NamedOutputPipe');
  }
}

function outputOf(output: PyObject, where: string, parts: RunParts): object {
  switch (kindOf(output)) {
    case 'NamedInputPipe':
      return { namedInputPipe: pipeOf(output, parts, true) };
    case 'HostStdOut':
      return { hostStdOut: {} };
    case 'HostStdErr':
      return { hostStdErr: {} };
    case 'ChunkedTransferEncodingStream':
      return { chunkedTransferEncodingStream: receiverOf(output, parts) };
    default:
      throw unknownClass(
        output,
        `${where}: the output of Connect`,
        'NamedInputPipe, HostStdOut, HostStdErr or ChunkedTransferEncodingStream',
      );
  }
}

function receiverOf(stream: PyObject, { source }: RunParts): object {
  const headers = headersOf(stream.attributes.get('headers'), source).map(([name, value], index) => ({
    name,
    ...source.headerValue(value, `header-${index + 1}`),
  }));
  return { url: requiredText(stream, 'url'), ...(headers.length === 0 ? {} : { headers }) };
}

const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$/;

function headersOf(value: PyValue | undefined, source: CallSource): [name: string, value: string][] {
  if (value === undefined || value === null) return [];
  if (!isPyDict(value))
    throw new Refusal('the headers of ChunkedTransferEncodingStream are not a dictionary');
  return [...value.entries].map(([name, given]) => {
    // As Python's client of HTTP sends it.
    const text = typeof given === 'bigint' ? String(given) : given;
    if (typeof name !== 'string' || !headerName.test(name))
      throw new Refusal('a header of ChunkedTransferEncodingStream has a name that no header can have');
    if (typeof text === 'string' && isSendable(text, source)) return [name, text];
    throw new Refusal(`the header ${quote(name)} of ChunkedTransferEncodingStream is not one line of text`);
  });
}

function isSendable(text: string, source: CallSource): boolean {
  return source.pieces(text).every((piece) => piece.isToken || !/[^\t\x20-\x7e\x80-\xff]/.test(piece.text));
}
