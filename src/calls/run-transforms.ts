import { posix } from 'node:path';
import { temporaryVolumeName } from '../api/names.ts';
import { mostOf, Refusal } from './refusal.ts';

const maxTransforms = mostOf('transforms');

/** `spec.transforms` of one message. Names are those of the kind and a number. */
export class RunTransforms {
  readonly list: Record<string, unknown>[] = [];
  readonly #counts = new Map<string, number>();
  readonly #shared = new Map<string, string>();
  /** What is at each path of a volume. */
  readonly #places = new Map<string, string>();
  readonly #paths: { readonly name: string; readonly filename: string; readonly volume: string }[] = [];

  /** Adds a transform, even if there is an equal one; returns its name. */
  add(stem: string, content: object): string {
    if (this.list.length === maxTransforms)
      throw new Refusal(
        `it has more than ${maxTransforms} inputs, outputs and streams, which is the most of a run; give the target a folder of Girder in place of single files`,
      );
    const number = (this.#counts.get(stem) ?? 0) + 1;
    this.#counts.set(stem, number);
    const name = `${stem}-${number}`;
    this.list.push({ name, ...content });
    return name;
  }

  /** The name of the transform with this content, which is added once. */
  once(stem: string, content: object): string {
    const key = JSON.stringify(content);
    const name = this.#shared.get(key) ?? this.add(stem, content);
    this.#shared.set(key, name);
    return name;
  }

  /** A path that the target writes; a result can have the name of an input. */
  path(filename: string, volume: string): string {
    const name = this.once('path', { volumePath: { filename, ...volumeField(volume) } });
    if (!this.#paths.some((path) => path.name === name)) this.#paths.push({ name, filename, volume });
    return name;
  }

  /** The volumes other than the given ones that have a path of this name. */
  volumesWith(filename: string, isMeant: (volume: string) => boolean): string[] {
    const found = this.#paths.filter((path) => path.filename === filename && isMeant(path.volume));
    return [...new Set(found.map(({ volume }) => volume))];
  }

  /** Where a file gets its place: of two files of one name, the second is in a directory with its ID. */
  filePlace(filename: string, volume: string, fileId: string): string {
    if (this.#isFree(volume, filename, fileId)) return this.#take(volume, filename, fileId);
    return this.#take(volume, posix.join(fileId, filename), fileId);
  }

  #isFree(volume: string, path: string, content: string): boolean {
    const place = `${volume}: ${path}`;
    const [here] = [this.#places.get(place)];
    if (here !== undefined) return here === content;
    const parents = path.split('/').map((_, index, parts) => `${volume}: ${parts.slice(0, index).join('/')}`);
    return !parents.some((parent) => this.#places.has(parent)) && !this.#isDirectory(place);
  }

  #isDirectory(place: string): boolean {
    return this.#directories.has(place);
  }

  readonly #directories = new Set<string>();

  #take(volume: string, path: string, content: string): string {
    const parts = path.split('/');
    for (let length = 1; length < parts.length; length += 1)
      this.#directories.add(`${volume}: ${parts.slice(0, length).join('/')}`);
    this.#places.set(`${volume}: ${path}`, content);
    return path;
  }
}

/** The field `volume` of a transform; absent for the volume that every run has. */
export function volumeField(volume: string): { readonly volume?: string } {
  return volume === temporaryVolumeName ? {} : { volume };
}
