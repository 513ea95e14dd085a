import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stringify } from 'yaml';
import { dashboardRows } from '../../../../scripts/dashboard-panels.ts';
import { promtool } from './prometheus-tools.ts';

const rules = 'deploy/alerts/dockerrun.rules.yaml';

test('Prometheus reads the alerts', async () => {
  const { ok, output } = await promtool(['check', 'rules', rules]);
  assert.ok(ok, output);
  assert.match(output, new RegExp(`${readFileSync(rules, 'utf8').split('- alert:').length - 1} rules found`));
});

test('each alert fires when it should, and none when all is well', async () => {
  const { ok, output } = await promtool(['test', 'rules', join(import.meta.dirname, 'alerts.yaml')]);
  assert.ok(ok, output);
});

test('Prometheus reads every query of the dashboard', async () => {
  const queries = dashboardRows.flatMap(({ panels }) => panels.flatMap(({ series }) => series));
  const recorded = queries.map(({ query }, index) => ({
    record: `dashboard:query_${index}`,
    expr: query.replaceAll('$__rate_interval', '5m').replaceAll('$job', 'dockerrun'),
  }));
  const directory = mkdtempSync(join(tmpdir(), 'dockerrun-dashboard-'));
  try {
    const file = join(directory, 'rules.yaml');
    writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules: recorded }] }));
    const { ok, output } = await promtool(['check', 'rules', file]);
    assert.ok(ok, output);
    assert.match(output, new RegExp(`${queries.length} rules found`));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test.run();
