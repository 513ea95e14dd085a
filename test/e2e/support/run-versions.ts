import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { recordAt, textAt } from '../../../src/kube/json.ts';

/** Every version of every DockerRun of a namespace, as `kubectl get --watch` tells them from now on. */
export class RunVersions implements Disposable {
  readonly #versions: unknown[] = [];
  readonly #child;

  constructor(namespace: string) {
    const whole = '-o=jsonpath={@}{"\\n"}';
    this.#child = spawn('kubectl', ['--namespace', namespace, 'get', 'dockerruns', '--watch', whole], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      if (line !== '') this.#versions.push(JSON.parse(line));
    });
  }

  /** The versions of one run so far, in their order. */
  of(name: string): unknown[] {
    return this.#versions.filter((object) => textAt(recordAt(object, 'metadata'), 'name') === name);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
