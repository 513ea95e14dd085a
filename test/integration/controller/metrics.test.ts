import { suite } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { Report } from '../../../src/api/report.ts';
import { type ControlPlane, startControlPlane } from '../../fixtures/control-plane.ts';
import { ControllerProcess } from '../../fixtures/controller-process.ts';
import { freePorts } from '../../fixtures/free-ports.ts';
import { ScriptedRun } from '../../fixtures/scripted-run.ts';
import { SimulatedCluster } from '../../fixtures/simulated-cluster.ts';
import { promtool, Prometheus } from './alerts/prometheus-tools.ts';
import { Scrape } from '../../fixtures/scrape.ts';

type Scraped = { controller: ControllerProcess; port: number };

/** One controller after another: each test continues with the controller of the test before. */
const test = suite<{ plane: ControlPlane; cluster: SimulatedCluster } & Scraped>('metrics of the controller');

test.before(async (context) => {
  context.plane = await startControlPlane();
  context.cluster = await SimulatedCluster.start(context.plane);
  Object.assign(context, await start(context.plane));
});
test.after(async ({ plane, cluster, controller }) => {
  await controller[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
  await plane.close();
});

/** A controller that leads, and the port of its metrics. */
async function start(plane: ControlPlane): Promise<Scraped> {
  const [port = 0] = await freePorts(1);
  const environment = { DOCKERRUN_METRICS_PORT: String(port), DOCKERRUN_LOG_LEVEL: 'debug' };
  const controller = await ControllerProcess.start(plane.kubeconfig, environment);
  await Scrape.until(port, 'the controller leads', { holds: (scrape) => scrape.value(leads) === 1 });
  return { controller, port };
}

const leads = 'leader_election_master_status{name="dockerrun-controller"}';
const succeeded = 'dockerrun_runs_finished_total{outcome="Succeeded",reason="Succeeded"}';
const connected = (resource: string) => `dockerrun_watch_connected{resource="${resource}"}`;

const report: Report = {
  ...{ phase: 'Succeeded', reason: 'Succeeded', message: 'Done.' },
  target: { exitCode: 0, startedAt: '2026-01-01T10:00:00Z', finishedAt: '2026-01-01T10:00:30Z' },
  transfers: [
    { name: 'ct', direction: 'download', bytes: 4_096 },
    { name: 'mask', direction: 'upload', bytes: 512 },
  ],
};

/** Brings a run to its end. */
async function finishRun(cluster: SimulatedCluster, name: string): Promise<{ uid: string }> {
  const run = new ScriptedRun(cluster, name, 'default');
  await run.apply();
  await run.hasJob();
  await run.podRuns(1);
  await run.podEnds(1, { report });
  await run.is(['Succeeded']);
  await run.hasOneJob();
  return run;
}

test('a new controller has every series whose labels are known, with the value 0', async ({ port }) => {
  const lag = 'nodejs_eventloop_lag_p99_seconds';
  const scrape = await Scrape.until(port, 'the controller watches, and its event loop is measured', {
    holds: (one) =>
      ['dockerruns', 'jobs', 'pods'].every((kind) => one.value(connected(kind)) === 1) &&
      (one.value(lag) ?? 0) > 0,
  });
  assert.match(scrape.contentType, /^text\/plain; version=0\.0\.4/);
  assert.is(scrape.value(succeeded), 0);
  assert.is(scrape.value('dockerrun_runs{phase="Running"}'), 0);
  assert.is(scrape.value('controller_runtime_reconcile_total{controller="dockerrun",result="error"}'), 0);
  assert.match(
    scrape.text,
    /^dockerrun_build_info\{version="\d+\.\d+\.\d+",revision="\S+",node="v24\S+"\} 1$/m,
  );
  assert.ok(scrape.sum('rest_client_requests_total') >= 6);
  const { ok, output } = await promtool(['check', 'metrics'], scrape.text);
  assert.ok(ok, output);
});

test('a run is counted once when it ends, by the process that wrote its end', async (context) => {
  const { plane, cluster } = context;
  const run = await finishRun(cluster, 'measured');
  await Scrape.until(context.port, 'the run is counted', { holds: (one) => one.value(succeeded) === 1 });
  // A reconcile that is under way is counted, and its duration is not.
  const scrape = await Scrape.atRest(context.port);
  assert.is(scrape.sum('dockerrun_runs_finished_total'), 1);
  assert.is(scrape.value('dockerrun_attempts_total'), 1);
  assert.is(scrape.value('dockerrun_bytes_total{direction="download"}'), 4_096);
  assert.is(scrape.value('dockerrun_bytes_total{direction="upload"}'), 512);
  assert.is(scrape.value('dockerrun_run_phase_duration_seconds_sum{phase="run"}'), 30);
  assert.is(scrape.value('dockerrun_run_duration_seconds_count{outcome="Succeeded"}'), 1);
  assert.is(scrape.value('dockerrun_runs{phase="Succeeded"}'), 1);
  const writes = scrape.value('dockerrun_status_writes_total') ?? 0;
  assert.ok(writes > 0 && writes <= 6, `${writes} writes`);
  const reconciles = scrape.sum('controller_runtime_reconcile_total');
  assert.ok(reconciles > 0 && reconciles <= 12, `${reconciles} reconciles`);
  assert.is(scrape.sum('workqueue_work_duration_seconds_count'), reconciles);
  assert.not.match(
    scrape.text,
    new RegExp(`measured|default|busybox|${run.uid}`),
    'no names of objects in labels',
  );
  await context.controller.stop();
  await context.controller[Symbol.asyncDispose]();

  Object.assign(context, await start(plane));
  const later = await Scrape.until(context.port, 'the run is seen', {
    holds: (one) =>
      one.value('dockerrun_runs{phase="Succeeded"}') === 1 &&
      one.sum('controller_runtime_reconcile_total') > 0,
  });
  assert.is(later.sum('dockerrun_runs_finished_total'), 0);
  assert.is(later.value('dockerrun_bytes_total{direction="download"}'), 0);
});

test('every log line of a reconcile has the run, its uid and the reconcile ID; none has a token', async ({
  plane,
  cluster,
  controller,
}) => {
  const { uid } = await finishRun(cluster, 'logged');
  const lines = controller.log.filter(({ dockerRun }) => dockerRun === 'default/logged');
  assert.ok(
    lines.some(({ msg }) => msg === 'applying action') && lines.some(({ msg }) => msg === 'status written'),
  );
  for (const line of lines) {
    assert.is(line['uid'], uid, JSON.stringify(line));
    assert.type(line['reconcileId'], 'string');
  }
  assert.not.ok(JSON.stringify(controller.log).includes(plane.files.token));
});

test('an API server that is down shows in the metrics, and does not fail the liveness probe', async ({
  plane,
  controller,
  port,
}) => {
  await plane.kill();
  const scrape = await Scrape.until(port, 'the lost connection shows', {
    holds: (one) => one.value(connected('jobs')) === 0,
  });
  assert.ok(scrape.sum('dockerrun_watch_reconnects_total') > 0);
  const health = await fetch(`http://127.0.0.1:${controller.healthPort}/healthz`);
  assert.equal([health.status, await health.text()], [200, 'ok\n']);
  await plane.restart();
  await Scrape.until(port, 'the controller watches again', {
    holds: (one) => one.value(connected('jobs')) === 1,
    withinMs: 30_000,
  });
});

test('a real Prometheus scrapes the controller and evaluates the alerts', async ({ port }) => {
  const rules = `${process.cwd()}/deploy/alerts/dockerrun.rules.yaml`;
  await using prometheus = await Prometheus.start(`127.0.0.1:${port}`, rules);
  const runs = await prometheus.values('max by (phase) (dockerrun_runs)', 'phase');
  assert.is(runs.get('Succeeded'), 2);
  assert.is(runs.get('Pending'), 0);
  await prometheus.pageMatches('targets', /"health":"up"/);
  assert.match(await prometheus.page('rules'), /DockerRunQueueStuck/);
  const alerts = await prometheus.page('alerts');
  assert.not.match(alerts, /"state":"firing"/, alerts);
});

test('only GET /metrics is served, and the error for a port in use names the setting to change', async ({
  plane,
  port,
}) => {
  const at = (path: string, method: string) => fetch(`http://127.0.0.1:${port}${path}`, { method });
  assert.is((await at('/', 'GET')).status, 404);
  assert.is((await at('/metrics', 'POST')).status, 405);
  const [health = 0] = await freePorts(1);
  await using other = new ControllerProcess(plane.kubeconfig, health, {
    DOCKERRUN_METRICS_PORT: String(port),
  });
  const failure = await other.ready().catch((error: unknown) => String(error));
  assert.match(String(failure), /set DOCKERRUN_METRICS_PORT to another port, or to 0/);
});

test.run();
