import { demoNamespace, kubectl } from './kubectl.ts';
import { readManifest } from './manifest.ts';

/** From `.cluster/env` of the local cluster. */
export type DemoEnvironment = { apiUrl: string; apiKey: string };

/** @throws if the environment variables are not set */
export function demoEnvironment(): DemoEnvironment {
  const { GIRDER_API_URL: apiUrl, GIRDER_API_KEY: apiKey } = process.env;
  if (apiUrl === undefined || apiKey === undefined || apiKey === '') {
    throw new Error(
      'GIRDER_API_URL or GIRDER_API_KEY is not set: run `make demo`, or source .cluster/env first',
    );
  }
  return { apiUrl, apiKey };
}

/**
 * Creates the demo's namespace and the Secret with the Girder credentials of its runs. Server-side, because a
 * plain apply copies the key into an annotation.
 */
export async function applySecret({ apiKey }: DemoEnvironment, signal: AbortSignal): Promise<void> {
  const namespace = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: demoNamespace },
  });
  const secret = readManifest('secret.yaml', { GIRDER_API_KEY: apiKey });
  for (const object of [namespace, secret]) {
    await kubectl(
      ['apply', '--server-side', '--field-manager=dockerrun-demo', '--filename=-'],
      signal,
      object,
    );
  }
}
