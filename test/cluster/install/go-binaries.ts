import { join } from 'node:path';
import { runLogged } from '../command.ts';
import { layout } from '../layout.ts';
import { printLine } from '../progress.ts';
import type { Step } from '../steps.ts';
import { cacheDirectory, fillOnce } from './cache.ts';
import { moduleVersion } from './go-module.ts';
import { goCommand } from './go-toolchain.ts';

const buildSeconds = 3600;

function kubernetesVersion(): string {
  return moduleVersion('kubernetes', 'k8s.io/kubernetes');
}

function helmVersion(): string {
  return moduleVersion('helm', 'helm.sh/helm/v4');
}

function recipes(module: string): string[] {
  return [`${module}/go.mod`, `${module}/go.sum`];
}

/** The directory of etcd's binary. */
export function etcdBinaries(): string {
  return cacheDirectory(`etcd-${moduleVersion('etcd', 'go.etcd.io/etcd/server/v3')}`, recipes('etcd'));
}

/** The directory of the Kubernetes binaries, kubectl among them. */
export function kubernetesBinaries(): string {
  return cacheDirectory(`kubernetes-${kubernetesVersion()}`, recipes('kubernetes'));
}

/** The directory of Helm's binary. */
export function helmBinaries(): string {
  return cacheDirectory(`helm-${helmVersion()}`, recipes('helm'));
}

/** The directory of kube-router's binary. */
export function kubeRouterBinaries(): string {
  const version = moduleVersion('kube-router', 'github.com/cloudnativelabs/kube-router/v2');
  return cacheDirectory(`kube-router-${version}`, recipes('kube-router'));
}

/** The directory of the program that reports how GitOps tools judge an object. */
export function gitopsBinaries(): string {
  const sources = ['main', 'argo', 'flux', 'lua'].map((name) => `gitops/health/${name}.go`);
  return cacheDirectory('gitops', [...recipes('gitops'), ...sources]);
}

/** The directory of the next Docker Engine, which no release of Debian has. */
export function nextEngineBinaries(): string {
  return cacheDirectory(`moby-${nextEngineVersion()}`, recipes('moby'));
}

function nextEngineVersion(): string {
  return moduleVersion('moby', 'github.com/moby/moby/v2');
}

/** Without these the binaries call themselves v0.0.0, and clients that compare versions go astray. */
function kubernetesLinkerFlags(): string {
  const version = kubernetesVersion();
  const [major, minor] = version.slice(1).split('.');
  return [
    '-s -w',
    `-X k8s.io/component-base/version.gitVersion=${version}`,
    `-X k8s.io/component-base/version.gitMajor=${major}`,
    `-X k8s.io/component-base/version.gitMinor=${minor}`,
    `-X k8s.io/client-go/pkg/version.gitVersion=${version}`,
  ].join(' ');
}

function helmLinkerFlags(): string {
  return `-s -w -X helm.sh/helm/v4/internal/version.version=${helmVersion()}`;
}

function buildStep(module: string, target: () => string, linkerFlags: () => string, after: string[]): Step {
  const name = `${module} binaries`;
  return {
    name,
    after,
    run: (signal) =>
      fillOnce(target(), async () => {
        printLine(`${name}: building from Go modules with pinned sums; minutes when cold, seconds when warm`);
        const { go, env } = await goCommand(signal);
        const flags = ['-v', '-trimpath', '-mod=readonly', '-buildvcs=false', '-ldflags', linkerFlags()];
        await runLogged(`build-${module}`, [go, 'build', ...flags, '-o', `${target()}/`, 'tool'], {
          signal,
          cwd: join(layout.recipes, module),
          env: { ...process.env, ...env, CGO_ENABLED: '0' },
          seconds: buildSeconds,
        });
      }),
  };
}

/** Builds Kubernetes' programs once per version. */
export const kubernetesBinariesStep: Step = buildStep(
  'kubernetes',
  kubernetesBinaries,
  kubernetesLinkerFlags,
  ['packages'],
);

/** Builds etcd once per version; after Kubernetes, since two builds at once are no faster. */
export const etcdBinariesStep: Step = buildStep('etcd', etcdBinaries, () => '-s -w', ['kubernetes binaries']);

/** Builds Helm once per version; nothing of the cluster waits for it. */
export const helmBinariesStep: Step = buildStep('helm', helmBinaries, helmLinkerFlags, ['etcd binaries']);

/** Builds the interpreters of GitOps tools; after Helm, which has compiled most of their packages. */
export const gitopsBinariesStep: Step = buildStep('gitops', gitopsBinaries, () => '-s -w', ['helm binaries']);

/** Builds the program with which a test enforces NetworkPolicies; nothing of the cluster waits for it. */
export const kubeRouterBinariesStep: Step = buildStep('kube-router', kubeRouterBinaries, () => '-s -w', [
  'gitops binaries',
]);

/** Builds the next Docker Engine, for a second node that has it. */
export const nextEngineStep: Step = buildStep(
  'moby',
  nextEngineBinaries,
  () => `-s -w -X github.com/moby/moby/v2/dockerversion.Version=${nextEngineVersion().slice(1)}`,
  ['node packages'],
);
