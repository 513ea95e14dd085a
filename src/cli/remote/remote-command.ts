import { readdir } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setKind } from '../../api/names.ts';
import type { DockerRunSpec } from '../../api/spec.ts';
import { localAuths } from '../../docker/pull/local-auths.ts';
import { ensureImage } from '../../docker/pull/ensure-image.ts';
import { registryHost } from '../../docker/pull/registry-auths.ts';
import type { Engine } from '../../docker/engine.ts';
import { cancelledBy } from '../../support/abort.ts';
import { type RunCommand, UsageError } from '../arguments.ts';
import type { CommandFile } from '../local/command-input.ts';
import { Printer } from '../local/console.ts';
import { defaultSocket, type FoundEngine } from '../local/engine-address.ts';
import { checkLocalData, withLocalData } from '../local/local-data.ts';
import { localCaBundle } from '../local/local-environment.ts';
import { doneLine, failedCommand, onSignals } from '../local/supervision.ts';
import { acceptSet } from '../offline/set-validation.ts';
import { acceptRun } from '../offline/validation.ts';
import type { Terminal } from '../terminal.ts';
import { connectTo } from './engine-place.ts';
import { Helper } from './running-helper.ts';
import { helperPaths, inHelper } from './helper-container.ts';
import { type HelperRequest, passedVariables, writeRequest } from './helper-request.ts';
import { compressed, type Packed, packed, unpackResult } from './local-archives.ts';

/** Docker's own image of the Node that the tests run on: glibc, and `mkfifo` for named pipes. */
const defaultWorkerImage = 'node:24-slim';

export type RemoteRun = {
  readonly command: RunCommand;
  readonly file: CommandFile;
  readonly engine: FoundEngine;
};

/** A run on an engine that shares no files with this process; what is checked here needs no engine. */
type Accepted = { readonly run: string; readonly spec: DockerRunSpec };

/**
 * Runs on an engine that shares no files with this process: this program, in a helper container beside the target, does
 * what `dockerrun run` does on the engine's own machine. Returns the exit code.
 * @throws UsageError if the run cannot start
 */
export async function remoteCommand(remote: RemoteRun, terminal: Terminal): Promise<number> {
  const { command, file } = remote;
  const { stderr, stop } = terminal;
  await checkLocalData(file.chosen, command.data);
  const accepted = acceptedOf(remote);
  const program = await programFiles();
  const printer = new Printer(stderr, command.quiet, { hasBars: false });
  const signal = cancelledBy(stop, 'the run');
  try {
    return await runBeside(remote, { accepted, program, printer, signal, terminal });
  } catch (error) {
    return failedCommand(error, { printer, stop });
  }
}

function acceptedOf({ command, file: { chosen, manifest } }: RemoteRun): Accepted {
  if (chosen['kind'] !== setKind) {
    const { namespace, name, spec } = acceptRun(withLocalData(chosen, command.data), manifest.file);
    return { run: `${namespace}/${name}`, spec };
  }
  const { namespace, name, spec } = acceptSet(chosen, manifest.file);
  return { run: `${namespace}/${name}-local`, spec: spec.template.spec };
}

/** This program as the helper runs it, so that both are always of the same version. @throws UsageError */
async function programFiles(): Promise<Packed[]> {
  const here = fileURLToPath(import.meta.url);
  if (!here.endsWith('.mjs'))
    throw new UsageError(
      'an engine that shares no files with this machine needs the bundled program; make it with: make bundle',
    );
  const directory = dirname(here);
  return (await readdir(directory))
    .filter((name) => name.endsWith('.mjs') && name !== 'builder.mjs')
    .map((name) => ({ path: posix.join(helperPaths.program, name), local: join(directory, name) }));
}

type Parts = {
  readonly accepted: Accepted;
  readonly program: readonly Packed[];
  readonly printer: Printer;
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
};

async function runBeside({ command, file, engine: found }: RemoteRun, parts: Parts): Promise<number> {
  const { accepted, program, printer, signal, terminal } = parts;
  const { data } = command;
  const engine = await connectTo(found.address, { text: found.text, signal });
  const local = await localAuths(accepted.spec.image, { signal });
  const image = await helperImage(engine, command, parts);
  const ssh = found.address.kind === 'ssh' ? found.address.socket : undefined;
  const engineSocket = command.engineSocket ?? ssh ?? defaultSocket;
  const warn = (message: string) => printer.warn(message);
  const plan = { ...accepted, image, engineSocket };
  await using helper = await Helper.create(engine, plan, { signal, warn });
  const inputs = inputPaths(data.inputs);
  const outputs = [...data.outputs.keys()].map((name) => ({ path: posix.join(helperPaths.outputs, name) }));
  const directories = Object.values(helperPaths).map((path) => ({ path }));
  await helper.put(compressed(packed([...directories, ...program, ...outputs])), signal);
  if (inputs.length > 0) {
    printer.print('copying the inputs to the Docker Engine');
    await helper.put(packed(inputs), signal);
  }
  const advice = local.advice(registryHost(accepted.spec.image));
  const { manifest, variables, chosen } = file;
  const request: HelperRequest = {
    chosen,
    manifest: { ...manifest, runs: [] },
    quiet: command.quiet,
    limit: command.limit,
    inputs: Object.fromEntries(inputs.map(({ name, path }) => [name, inHelper(path)])),
    outputs: Object.fromEntries(
      [...data.outputs.keys()].map((name) => [name, inHelper(helperPaths.outputs, name)]),
    ),
    variables: passedVariables(variables),
    caBundle: await localCaBundle(terminal.environment, ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS']),
    auths: { entries: local.entries, advice },
    volumeSource: await helper.volumeSource(signal),
  };
  const sinks = { stdout: terminal.stdout, stderr: printer.target };
  const code = await helper.run(writeRequest(request), {
    sinks,
    signal,
    started: (send) => onSignals(terminal.stop, send),
  });
  if (code !== 0 || data.outputs.size === 0) return code;
  for (const line of await fetchResults(helper, data.outputs, signal)) printer.print(line);
  printer.print(doneLine());
  return code;
}

async function helperImage(engine: Engine, command: RunCommand, { signal, printer }: Parts): Promise<string> {
  const image = command.workerImage ?? defaultWorkerImage;
  const auths = await localAuths(image, { signal });
  let isAnnounced = false;
  const onProgress = () => {
    if (!isAnnounced) printer.print(`pulling the image ${image} for the helper container`);
    isAnnounced = true;
  };
  return ensureImage({ engine, signal }, { image, policy: 'IfNotPresent', auths, onProgress });
}

function inputPaths(inputs: ReadonlyMap<string, string>): (Packed & { readonly name: string })[] {
  return [...inputs].map(([name, given]) => {
    const local = resolve(given);
    return { name, path: posix.join(helperPaths.inputs, name, basename(local)), local };
  });
}

/** A line for each result, as the copies of a run on this machine have it. */
async function fetchResults(
  helper: Helper,
  outputs: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<string[]> {
  const lines: string[] = [];
  for (const [name, given] of outputs) {
    const archive = await helper.get(posix.join(helperPaths.outputs, name), signal);
    const result = await unpackResult(archive, given);
    if (result !== undefined) lines.push(`result ${result.name}: ${result.path}`);
  }
  return lines;
}
