import { posix } from 'node:path';
import { temporaryVolumeName } from '../api/names.ts';
import {
  isPyDict,
  isPyObject,
  isTruthy,
  itemsOf,
  type PyDict,
  type PyObject,
  type PyValue,
} from './python-value.ts';
import { nameOf, optionalText, requiredText, unknownClass } from './attributes.ts';
import { kindOf } from './class-kinds.ts';
import { mostOf, quote, Refusal } from './refusal.ts';
import { absolutePathOf } from './volume-paths.ts';

type Mount = { readonly bind: string; readonly mode: string };

/** Where slicer_cli_web mounts the files of Girder's own disk. */
const directory = '/mnt/girder_direct_worker';

const maxVolumes = mostOf('volumes');

/** `spec.volumes` and `spec.dockerVolumes` of one message. */
export class RunVolumes {
  readonly volumes: Record<string, unknown>[] = [];
  readonly dockerVolumes: Record<string, Mount> = {};
  /** The names of volumes by what makes them one: their paths, or the object in the message. */
  readonly #names = new Map<string | PyObject, string>();
  readonly #directPlaces = new Map<string, string>();
  readonly #notes: Set<string>;

  /** `notes` are those of the call. */
  constructor(notes: Set<string>) {
    this.#notes = notes;
  }

  /** The name of the volume of a transform; undefined stands for the volume that every run has. */
  nameOf(value: PyValue | undefined, where: string): string {
    if (value === undefined || value === null) return temporaryVolumeName;
    if (!isPyObject(value)) throw new Refusal(`${where} is not a volume`);
    switch (kindOf(value)) {
      case '_DefaultTemporaryVolume':
        return temporaryVolumeName;
      case 'TemporaryVolume':
        return this.#temporary(value);
      case 'BindMountVolume':
        return this.#bindMount(value);
      default:
        throw unknownClass(value, where, 'BindMountVolume or TemporaryVolume');
    }
  }

  /** Whether this very object is a volume of the run already. */
  has(value: PyValue | undefined): boolean {
    return isPyObject(value) && this.#names.has(value);
  }

  isTemporary(name: string): boolean {
    return this.volumes.some((volume) => volume['name'] === name && volume['temporary'] !== undefined);
  }

  /** The keyword `volumes`: docker-py's dictionary, or a list of objects. */
  declare(value: PyValue | undefined): void {
    if (value === undefined || value === null) return;
    const items = itemsOf(value);
    if (items !== undefined) {
      for (const [index, item] of items.entries()) this.#declareOne(item, `volumes[${index}]`);
    } else if (isPyDict(value)) this.#declareAll(value);
    else if (isPyObject(value)) this.#declareOne(value, 'volumes');
    else throw new Refusal('volumes is not a list or a dictionary');
  }

  /** A file of the node that the target reads at a path of slicer_cli_web; returns the name of its volume. */
  directFile(hostPath: string, filename: string, fileId: string): string {
    const plain = filename.replaceAll('/', '_');
    const wished = posix.join(directory, plain);
    const other = this.#directPlaces.get(wished);
    const containerPath =
      other === undefined || other === hostPath ? wished : posix.join(directory, fileId, plain);
    this.#directPlaces.set(containerPath, hostPath);
    return this.#named(`file ${hostPath} ${containerPath}`, 'direct', {
      bindMount: { hostPath, containerPath, mode: 'ro' },
    });
  }

  /**
   * A mount of docker-py. The first one of a directory at a path counts, with its mode: Girder Worker mounts what is in
   * the keyword `volumes`, which is declared first, and of an equal volume in a transform it takes only the path.
   */
  mount(hostPath: string, containerPath: string, mode: string): string {
    const [path, place] = [
      hostPath.trim(),
      absolutePathOf(containerPath, 'the path of a volume in the target'),
    ];
    if (path.startsWith('/')) {
      const host = absolutePathOf(path, 'the path of a volume on the node');
      const bindMount = {
        hostPath: host,
        containerPath: place,
        mode: this.#taken(host, place) ?? modeOf(mode),
      };
      return this.#named(`bind ${host} ${place}`, 'volume', { bindMount });
    }
    const readOnly = modeOf(mode).startsWith('ro');
    return this.#named(`named ${path} ${place}`, 'volume', {
      namedVolume: { volumeName: path, containerPath: place, readOnly, create: !readOnly },
    });
  }

  /** The volume of a bind mount whose directory has this path in the target and on the node. */
  around(hostPath: string, containerPath: string): { name: string; below: string } | undefined {
    for (const { name, bindMount } of this.volumes as { name: string; bindMount?: BindMount }[]) {
      if (bindMount === undefined) continue;
      const below = posix.relative(bindMount.hostPath, hostPath);
      const isInside = below !== '..' && !below.startsWith('../');
      if (isInside && posix.join(bindMount.containerPath, below) === containerPath) return { name, below };
    }
    return undefined;
  }

  /** Takes an equal mount out of the dictionary; returns its mode. */
  #taken(host: string, place: string): string | undefined {
    const declared = this.dockerVolumes[host];
    if (declared?.bind !== place) return undefined;
    delete this.dockerVolumes[host];
    return declared.mode;
  }

  #declareOne(value: PyValue, where: string): void {
    if (!isPyObject(value))
      throw new Refusal(
        `${where} is not an object such as BindMountVolume; use one, or a dictionary of paths`,
      );
    this.nameOf(value, where);
  }

  #declareAll(dict: PyDict): void {
    for (const [key, value] of dict.entries) {
      const host = typeof key === 'string' ? key : key.text;
      const mount = mountOf(value, host);
      if (isPyDict(value) && isTruthy(value.entries.get('propagation')))
        this.#notes.add('The propagation of volumes has no effect, only bind and mode.');
      if (!host.startsWith('/')) this.mount(host, mount.bind, mount.mode);
      else {
        const path = absolutePathOf(host, 'the path of a volume on the node');
        const bind = absolutePathOf(mount.bind, 'the path of a volume in the target');
        this.dockerVolumes[path] = { bind, mode: modeOf(mount.mode) };
      }
    }
  }

  #temporary(volume: PyObject): string {
    const hostDir = optionalText(volume, 'host_dir');
    const place =
      hostDir === undefined || hostDir === '' ? {} : { hostDir: absolutePathOf(hostDir, 'host_dir') };
    return this.#named(volume, 'volume', { temporary: place });
  }

  #bindMount(volume: PyObject): string {
    const [host, container] = [requiredText(volume, '_host_path'), requiredText(volume, '_container_path')];
    return this.mount(host, container, optionalText(volume, 'mode') ?? 'rw');
  }

  #named(identity: string | PyObject, stem: string, content: object): string {
    const known = this.#names.get(identity);
    if (known !== undefined) return known;
    if (this.volumes.length === maxVolumes)
      throw new Refusal(`it has more than ${maxVolumes} volumes, which is the most of a run`);
    const name = `${stem}-${this.volumes.length + 1}`;
    this.volumes.push({ name, ...content });
    this.#names.set(identity, name);
    return name;
  }
}

type BindMount = { readonly hostPath: string; readonly containerPath: string };

/** docker-py takes a path, or a dictionary with `bind` and `mode`, or `ro`. */
function mountOf(value: PyValue, host: string): Mount {
  if (typeof value === 'string') return { bind: value, mode: 'rw' };
  const field = (name: string) => (isPyDict(value) ? value.entries.get(name) : undefined);
  const [bind, mode] = [field('bind'), field('mode')];
  if (typeof bind !== 'string')
    throw new Refusal(`volumes: ${quote(host)} has no path in the target ("bind")`);
  if (typeof mode === 'string' && mode !== '') return { bind, mode };
  return { bind, mode: field('ro') === true ? 'ro' : 'rw' };
}

const modes = ['rw', 'ro', 'rw,z', 'rw,Z', 'ro,z', 'ro,Z'];
const shortModes: Readonly<Record<string, string>> = { z: 'rw,z', Z: 'rw,Z', 'z,ro': 'ro,z', 'Z,ro': 'ro,Z' };

function modeOf(mode: string): string {
  const full = Object.hasOwn(shortModes, mode) ? (shortModes[mode] ?? mode) : mode;
  if (modes.includes(full)) return full;
  throw new Refusal(`the mode ${quote(mode)} of a volume is not one of ${modes.join(' ')}`);
}

/** For messages. */
export function volumeTitle(volume: PyObject): string {
  return `_volume of ${nameOf(volume)}`;
}
