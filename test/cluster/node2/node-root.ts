import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { capture, runLogged } from '../command.ts';
import { cacheDirectory, fillOnce } from '../install/cache.ts';
import { isolated } from '../install/debian-archive.ts';
import { layout } from '../layout.ts';
import { printLine } from '../progress.ts';
import type { Step } from '../steps.ts';
import { anyDate, sourceLine } from './debian-suite.ts';
import type { EngineChoice } from './engines.ts';
import { node2, node2Files } from './node2-layout.ts';

const packageList = 'node2/root-packages.txt';
const thisFile = 'node2/node-root.ts';
const bootstrapSeconds = 900;
const diskSize = '12G';
const diskSeconds = 120;

/** Units that start only when the node has its configuration, and others that it has no use for. */
const disabledUnits = ['containerd.service', 'docker.service', 'docker.socket', 'apt-daily.timer'];

/** The kernel's command line has the node's addresses; the machine's directory has all the rest. */
const bootUnit = `[Unit]
Description=Takes the configuration of the node from the machine that runs it
After=local-fs.target systemd-udevd.service

[Service]
Type=oneshot
RemainAfterExit=yes
EnvironmentFile=-/run/dockerrun-node
ExecStartPre=/bin/sh -c 'tr " " "\\n" < /proc/cmdline | grep ^DOCKERRUN_ > /run/dockerrun-node'
ExecStartPre=/bin/sh -c 'mkdir -p /host; mountpoint -q /host || mount -t hostfs none /host'
ExecStart=/bin/sh /host/start-node

[Install]
WantedBy=multi-user.target
`;

function packageNames({ docker }: EngineChoice): string[] {
  const lines = readFileSync(join(layout.recipes, packageList), 'utf8').split('\n');
  const names = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return docker ? [...names, 'docker.io', 'docker-cli'] : names;
}

function directory({ suite, docker }: EngineChoice): string {
  return cacheDirectory(`node2-root-${suite}`, [packageList, thisFile], `docker=${docker}`);
}

/** The cached disk of a node that never ran. */
function pristineDisk(engine: EngineChoice): string {
  return join(directory(engine), 'disk.img');
}

/** The disk of the node; it stays when the node is stopped or killed, as a real one's does. */
export function nodeDisk({ name }: EngineChoice): string {
  return join(node2Files.state, `disk-${name}.img`);
}

async function bootstrap(engine: EngineChoice, root: string, signal: AbortSignal): Promise<void> {
  const hooks = [
    `echo ${node2.name} > "$1/etc/hostname"`,
    `printf '127.0.0.1 localhost\\n${node2.address} ${node2.name}\\n' > "$1/etc/hosts"`,
    `printf '%s' "$BOOT_UNIT" > "$1/etc/systemd/system/dockerrun-node.service"`,
    'chroot "$1" systemctl enable dockerrun-node.service',
    `chroot "$1" systemctl disable ${disabledUnits.join(' ')} || true`,
    'chroot "$1" systemctl mask getty.target systemd-networkd-wait-online.service',
  ].map((hook) => `--customize-hook=${hook}`);
  const options = [
    '--variant=minbase',
    `--aptopt=${anyDate}`,
    `--include=${packageNames(engine).join(',')}`,
    ...hooks,
  ];
  const commandLine = ['mmdebstrap', ...options, engine.suite, root, await sourceLine(engine.suite, signal)];
  await runLogged('node-root', isolated(commandLine), {
    signal,
    seconds: bootstrapSeconds,
    env: { ...process.env, BOOT_UNIT: bootUnit },
  });
}

/** Makes the disk of the chosen engine's node once, from packages. */
export function nodeRootStep(engine: EngineChoice): Step {
  return {
    name: 'node root',
    after: ['node packages'],
    run: (signal) =>
      fillOnce(directory(engine), async () => {
        printLine(
          `node root: installing ${engine.suite} with ${engine.docker ? 'Docker' : 'containerd only'}`,
        );
        const root = join(directory(engine), 'root');
        await bootstrap(engine, root, signal);
        const make = ['mke2fs', '-q', '-t', 'ext4', '-d', root, pristineDisk(engine), diskSize] as const;
        await runLogged('node-disk', make, { signal, seconds: diskSeconds });
        rmSync(root, { recursive: true });
      }),
  };
}

/** Gives the node a disk of its own, if it has none for this engine; a copy that was interrupted does not count. */
export async function ensureDisk(engine: EngineChoice, signal: AbortSignal): Promise<void> {
  const disk = nodeDisk(engine);
  if (existsSync(disk)) return;
  const copy = ['--sparse=always', pristineDisk(engine), `${disk}.new`];
  await capture('cp', copy, signal, { seconds: diskSeconds });
  renameSync(`${disk}.new`, disk);
}
