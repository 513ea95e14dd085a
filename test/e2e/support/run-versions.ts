import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { recordAt, textAt } from '../../../src/kube/json.ts';

/** Records every version of every DockerRun of a namespace from now on, with `kubectl get --watch`. */
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

  /** The versions of one run so far, oldest first. */
  of(name: string): unknown[] {
    return this.#versions.filter((object) => textAt(recordAt(object, 'metadata'), 'name') === name);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
