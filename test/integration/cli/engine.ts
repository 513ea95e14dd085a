import { environment } from '../../e2e/support/environment.ts';
import { succeed } from '../../e2e/support/shell.ts';

/** A small image, which every test runs. */
export const image = 'busybox:local';

/** The socket of the engine under test. */
export function engineSocket(): string {
  return environment('DOCKER_HOST').replace('unix://', '');
}

/** The containers in any state whose names contain a text. */
export async function containersNamed(text: string): Promise<string[]> {
  const ids = await succeed('docker', ['ps', '--all', '--quiet', '--filter', `name=${text}`]);
  return ids.split('\n').filter((id) => id !== '');
}
