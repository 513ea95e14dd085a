import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { stringify } from 'yaml';
import { isRecord } from '../../../../src/api/json-values.ts';
import { Child } from '../../../fixtures/child-process.ts';
import { freePorts } from '../../../fixtures/free-ports.ts';
import { until } from '../../../fixtures/until.ts';

const patienceMs = 30_000;

/** Runs promtool; returns its output, and whether it found no problem. */
export async function promtool(
  args: readonly string[],
  input = '',
): Promise<{ ok: boolean; output: string }> {
  const signal = AbortSignal.timeout(patienceMs);
  const child = spawn('promtool', args, { stdio: ['pipe', 'pipe', 'pipe'], signal });
  child.stdin.end(input);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { ok: child.exitCode === 0, output: `${out}${err}` };
}

/** A real Prometheus that scrapes one target every second, with its data in a temporary directory. */
export class Prometheus implements AsyncDisposable {
  readonly #directory = mkdtempSync(join(tmpdir(), 'dockerrun-prometheus-'));
  readonly #port: number;
  readonly #process: Child;

  private constructor(port: number, target: string, rules: string) {
    this.#port = port;
    const scrape = { job_name: 'dockerrun', static_configs: [{ targets: [target] }] };
    const intervals = { scrape_interval: '1s', evaluation_interval: '1s' };
    const config = { global: intervals, rule_files: [rules], scrape_configs: [scrape] };
    const file = join(this.#directory, 'prometheus.yaml');
    writeFileSync(file, stringify(config));
    const args = [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(this.#directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    this.#process = new Child('prometheus', args, { logFile: join(this.#directory, 'log') });
  }

  static async start(target: string, rules: string): Promise<Prometheus> {
    const [port = 0] = await freePorts(1);
    return new Prometheus(port, target, rules);
  }

  /** The values of a query, by one of its labels, as soon as there are any. */
  values(query: string, label: string): Promise<Map<string, number>> {
    return until(`there is a value of ${query}`, () => this.#query(query, label), {
      ...{ holds: ({ size }) => size > 0, withinMs: patienceMs, everyMs: 200 },
      context: () => this.#process.log.slice(-2000),
    });
  }

  /** The text of its page of targets, rules or alerts. */
  async page(name: 'targets' | 'rules' | 'alerts'): Promise<string> {
    return (await this.#get(`/api/v1/${name}`)).text();
  }

  /** Waits until a page matches the pattern. */
  async pageMatches(name: Parameters<Prometheus['page']>[0], pattern: RegExp): Promise<void> {
    const holds = (page: string) => pattern.test(page);
    const options = { holds, withinMs: patienceMs, everyMs: 200 };
    await until(`${name} match ${pattern}`, () => this.page(name), options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #query(query: string, label: string): Promise<Map<string, number>> {
    const answer: unknown = await (
      await this.#get(`/api/v1/query?query=${encodeURIComponent(query)}`)
    ).json();
    const data = isRecord(answer) && isRecord(answer['data']) ? answer['data']['result'] : undefined;
    const found = new Map<string, number>();
    for (const one of Array.isArray(data) ? (data as unknown[]) : []) {
      if (!isRecord(one) || !isRecord(one['metric']) || !Array.isArray(one['value'])) continue;
      found.set(String(one['metric'][label]), Number(one['value'][1]));
    }
    return found;
  }

  #get(path: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.#port}${path}`, { signal: AbortSignal.timeout(patienceMs) });
  }
}
