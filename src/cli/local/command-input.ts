import type { RunCommand } from '../arguments.ts';
import type { Terminal } from '../terminal.ts';
import { dockerSocket } from './docker-socket.ts';
import { checkMachine, localRedirects, useLocalEgress } from './local-environment.ts';
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

/** What a command found in its file and its environment, before the object is validated. */
export type CommandInput = {
  /** The DockerRun or the DockerRunSet. */
  readonly chosen: Fields;
  readonly manifest: Manifest;
  /** The Secrets and ConfigMaps that an object of the namespace sees. @throws UsageError */
  readonly secretsOf: (namespace: string) => LocalSecrets;
  /** @throws UsageError for an engine that is not on this machine */
  readonly dockerSocket: () => Promise<string>;
  readonly girderRedirects: readonly string[];
};

/** @throws UsageError if the machine, the file or a variable cannot be used */
export async function readCommandInput(
  command: RunCommand,
  { environment, stdin, stop }: Terminal,
): Promise<CommandInput> {
  checkMachine();
  await useLocalEgress(environment);
  const file = nameOfInput(command.file);
  const variables = await withEnvFile(environment, command.envFile);
  const documents = parseDocuments(await readInput(command.file, stdin, stop), file);
  const manifest = manifestOf(documents, file);
  const secretsOf = (namespace: string) => {
    const place = { namespace, file };
    const configMaps = readSecrets(manifest.configMaps, place);
    return new LocalSecrets(readSecrets(manifest.secrets, place), variables, file, configMaps);
  };
  return {
    chosen: chooseRun(manifest, command.name),
    manifest,
    secretsOf,
    girderRedirects: localRedirects(variables),
    dockerSocket: () => dockerSocket(environment),
  };
}
