import { test } from '../../fixtures/suite.ts';
import * as assert from 'uvu/assert';
import type { DockerOptions } from '../../../src/api/docker/options.ts';
import { engineUnderTest, failureOf, leftContainers, run } from './engine-under-test.ts';

const engine = await engineUnderTest();

/** What a shell prints inside a target with these options. */
async function printed(script: string, docker: DockerOptions = {}): Promise<string> {
  const { outcome, stdout, stderr } = await run(engine, ['sh', '-c', script], { container: { docker } });
  assert.is(outcome.exitCode, 0, stderr);
  return stdout.trim();
}

test('user, groups, directory and host name of the target are those of the options', async () => {
  const docker = {
    user: '1234:55',
    groupAdd: [44, '10'],
    workingDir: '/tmp/new',
    hostname: 'atlas',
    domainname: 'lab.example.org',
  };
  const script = 'id -u; id -g; id -G; pwd; hostname; hostname -f';
  const [uid, gid, groups = '', directory, host, whole] = (await printed(script, docker)).split('\n');
  assert.equal(
    [uid, gid, directory, host, whole],
    ['1234', '55', '/tmp/new', 'atlas', 'atlas.lab.example.org'],
  );
  assert.equal(groups.split(' ').sort(), ['10', '44', '55']);
});

test('a number is accepted as a user, as in docker-py', async () => {
  assert.is(await printed('id -u', { user: 1234 }), '1234');
});

test("the image's file system can be read-only, with tmpfs mounts", async () => {
  const docker = { readOnly: true, tmpfs: { '/scratch': 'size=1m,mode=1777' }, shmSize: '3m' };
  const script =
    "touch /x 2>/dev/null || echo closed; touch /scratch/x && echo open; for d in /scratch /dev/shm; do df -k $d | tail -1 | awk '{print $2}'; done";
  assert.is(await printed(script, docker), 'closed\nopen\n1024\n3072');
});

test('limits of processes and memory apply to the target', async () => {
  const docker = {
    ulimits: [{ name: 'nofile', soft: 77, hard: 99 }],
    pidsLimit: 33,
    memLimit: '24m',
    oomScoreAdj: 500,
  };
  const script =
    'ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true';
  assert.is(await printed(script, docker), `77\n99\n500\n33\n${24 * 2 ** 20}`);
});

/** The names of the bits are those of capabilities(7). */
const bit = (capabilities: string, number: number) => (BigInt(`0x${capabilities}`) >> BigInt(number)) & 1n;

test('capabilities can be added and dropped', async () => {
  const capabilities = async (docker: DockerOptions) =>
    printed("awk '/CapBnd/ {print $2}' /proc/self/status", docker);
  const [SYS_PTRACE, CHOWN] = [19, 0];
  const usual = await capabilities({});
  const changed = await capabilities({ capAdd: ['SYS_PTRACE'], capDrop: ['CHOWN'] });
  assert.equal([bit(usual, CHOWN), bit(usual, SYS_PTRACE)], [1n, 0n]);
  assert.equal([bit(changed, CHOWN), bit(changed, SYS_PTRACE)], [0n, 1n]);
  assert.is(BigInt(`0x${await capabilities({ capDrop: ['ALL'] })}`), 0n);
});

test('no-new-privileges holds unless an option turns it off', async () => {
  const script = "awk '/NoNewPrivs/ {print $2}' /proc/self/status";
  assert.is(await printed(script), '1');
  assert.is(await printed(script, { securityOpt: ['seccomp=unconfined'] }), '1');
  assert.is(await printed(script, { securityOpt: ['no-new-privileges:false'] }), '0');
});

test('a target can run without an init process', async () => {
  assert.match(await printed('cat /proc/1/comm'), /docker-init|tini/);
  assert.is(await printed('cat /proc/1/comm; true', { init: false }), 'sh');
});

test('a target can run without a network, and with extra hosts and DNS servers', async () => {
  assert.is(await printed('ls /sys/class/net', { networkMode: 'none' }), 'lo');
  // The target's own name may contain these letters, too.
  assert.match(
    await printed('grep -w db /etc/hosts', { extraHosts: { db: '10.1.2.3' } }),
    /^10\.1\.2\.3\s+db$/,
  );
  const resolver = await printed('cat /etc/resolv.conf', { dns: ['10.9.8.7'], dnsSearch: ['lab'] });
  assert.match(resolver, /nameserver 10\.9\.8\.7/);
  assert.match(resolver, /search lab/);
});

test("sysctls apply to the target's own network namespace", async () => {
  const sysctls = { 'net.ipv4.ip_unprivileged_port_start': 81 };
  assert.is(await printed('cat /proc/sys/net/ipv4/ip_unprivileged_port_start', { sysctls }), '81');
});

test('a device of the node is available in the target', async () => {
  const script = 'test -c /dev/blank && head -c 2 /dev/blank | wc -c';
  assert.is(await printed(script, { devices: ['/dev/zero:/dev/blank:r'] }), '2');
});

test('the target is stopped with the stop signal of the option', async () => {
  const stopping = new AbortController();
  const script = 'trap "echo got it; exit 3" USR1; echo ready; while true; do sleep 0.1; done';
  const { outcome, stdout } = await run(engine, ['sh', '-c', script], {
    container: { docker: { stopSignal: 'SIGUSR1' } },
    support: {
      signal: stopping.signal,
      stopGraceMs: 10_000,
    },
    cue: { printed: 'ready', act: () => stopping.abort() },
  });
  assert.is(outcome.stopped, 'cancelled');
  assert.is(outcome.exitCode, 3);
  assert.match(stdout, /got it/);
});

test("a refusal by the engine is reported with the engine's own message", async () => {
  const failure = await failureOf(printed('true', { runtime: 'nosuch' }));
  assert.is(failure.reason, 'ContainerCreateFailed');
  assert.match(failure.message, /runtime.*nosuch/i);
});

test.after(async () => {
  assert.equal(await leftContainers(engine), []);
});

test.run();
