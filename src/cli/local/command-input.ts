import type { RunCommand } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { localSocket } from './engine-address.ts';
import { checkMachine, localRedirects, useLocalEgress } from './local-environment.ts';
import type { EngineSide } from './local-volumes.ts';
import { LocalSecrets, readSecrets } from './local-secrets.ts';
import {
  chooseRun,
  type Fields,
  type Manifest,
  manifestOf,
  nameOfInput,
  parseDocuments,
  readInput,
  withEnvFile,
} from '../offline/manifest.ts';

/** What a command found in its file and its environment. */
export type CommandFile = {
  /** The DockerRun or the DockerRunSet. */
  readonly chosen: Fields;
  readonly manifest: Manifest;
  /** Those of the environment and of --env-file. */
  readonly variables: NodeJS.ProcessEnv;
};

/** The same, before the object is validated, with what a run on this machine needs. */
export type CommandInput = Omit<CommandFile, 'variables'> & {
  /** The Secrets and ConfigMaps that an object of the namespace sees. @throws UsageError */
  readonly secretsOf: (namespace: string) => LocalSecrets;
  /** @throws UsageError for an engine that is not on this machine */
  readonly dockerSocket: () => Promise<string>;
  readonly girderRedirects: readonly string[];
  /** Only in the helper container of an engine that shares no files with the command. */
  readonly engineSide?: EngineSide;
};

/** @throws UsageError if the file cannot be used */
export async function readCommandFile(
  command: RunCommand,
  { environment, stdin, stop }: Terminal,
): Promise<CommandFile> {
  const file = nameOfInput(command.file);
  const variables = await withEnvFile(environment, command.envFile);
  const documents = parseDocuments(await readInput(command.file, stdin, stop), file);
  const manifest = manifestOf(documents, file);
  return { chosen: chooseRun(manifest, command.name), manifest, variables };
}

/** @throws UsageError if the machine or a variable cannot be used */
export async function inputOnThisMachine({
  chosen,
  manifest,
  variables,
}: CommandFile): Promise<CommandInput> {
  checkMachine();
  await useLocalEgress(variables);
  const { file } = manifest;
  const secretsOf = (namespace: string) => {
    const place = { namespace, file };
    const configMaps = readSecrets(manifest.configMaps, place);
    return new LocalSecrets(readSecrets(manifest.secrets, place), variables, file, configMaps);
  };
  return {
    chosen,
    manifest,
    secretsOf,
    girderRedirects: localRedirects(variables),
    dockerSocket: () => localSocket(variables),
  };
}
