import { normalCapabilities } from '../../api/docker/capabilities.ts';
import { usualPidsLimit } from '../../api/docker/option-risks.ts';
import type { DockerOptions } from '../../api/docker/options.ts';

/** The rights of a container, in the engine's words. */
export type Privileges = {
  readonly Privileged?: true;
  readonly SecurityOpt: readonly string[];
  readonly CapDrop: readonly string[];
  readonly CapAdd: readonly string[];
  readonly PidsLimit: number;
};

/** What an image that sets up its own files and users as root needs, and nothing that leads out of the container. */
const keptCapabilities: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'NET_BIND_SERVICE',
];

/** The least rights that targets usually need, and what the run's options add to them or take away. */
export function privilegesOf(options: DockerOptions): Privileges {
  const PidsLimit = options.pidsLimit ?? usualPidsLimit;
  const securityOpt = options.securityOpt ?? [];
  if (options.privileged === true) {
    return { Privileged: true, SecurityOpt: securityOpt, CapDrop: [], CapAdd: [], PidsLimit };
  }
  const isDecided = securityOpt.some((option) => option.startsWith('no-new-privileges'));
  const SecurityOpt = isDecided ? securityOpt : ['no-new-privileges', ...securityOpt];
  return { SecurityOpt, ...capabilitiesOf(options), PidsLimit };
}

function capabilitiesOf({
  capAdd = [],
  capDrop = [],
}: DockerOptions): Pick<Privileges, 'CapDrop' | 'CapAdd'> {
  const added = normalCapabilities(capAdd);
  const dropped = normalCapabilities(capDrop);
  if (added.includes('ALL')) return { CapDrop: dropped, CapAdd: ['ALL'] };
  const kept = dropped.includes('ALL') ? [] : keptCapabilities.filter((name) => !dropped.includes(name));
  return { CapDrop: ['ALL'], CapAdd: [...new Set([...kept, ...added])] };
}
