import { isRecord, numberOf, textOf } from '../api/json-values.ts';
import { describe, RunError } from '../support/errors.ts';
import type { Logger } from '../support/log.ts';
import type { GirderClient } from '../girder/client.ts';
import { type ListedDocument, parseListed } from '../girder/listed-documents.ts';

/** What the planner writes into the metadata of the results folder, for people who look at Girder. */
export type FolderNotice = {
  readonly phase: 'Listing' | 'Draining' | 'Done' | 'Failed';
  readonly done: number;
  readonly failed: number;
  readonly total: number;
  readonly message: string;
};

/** What people may write there. */
export type Wishes = { readonly pause: boolean; readonly retry: string | undefined };

/** When the last whole pass started, by Girder's clock; `verifiedAt` the last of those that looked at files. */
export type LastPass = { readonly startedAt: number | undefined; readonly verifiedAt: number | undefined };

type Options = {
  readonly client: GirderClient;
  readonly folderId: string;
  /** `<namespace>/<name>`. */
  readonly set: string;
  /** The metadata key; each set has its own in a folder that several sets share. */
  readonly key: string;
  readonly log: Logger;
};

/** The least time between two writes for people. */
const leastMs = 30_000;

const longest = { message: 512, retry: 256 } as const;

/**
 * The metadata of the results folder: which set owns it, how far that is, and what people ask for. Keys that other
 * programs or people put there stay.
 */
export class ResultsFolder {
  readonly id: string;
  readonly #options: Options;
  /** Girder's clock minus this machine's, in milliseconds. */
  #aheadMs = 0;
  #writtenAt = -Infinity;
  #state: Readonly<Record<string, unknown>> = {};
  wishes: Wishes = { pause: false, retry: undefined };
  lastPass: LastPass = { startedAt: undefined, verifiedAt: undefined };

  private constructor(options: Options) {
    this.#options = options;
    this.id = options.folderId;
  }

  /**
   * Claims the folder for the set.
   * @throws RunError ResultNotOurs if another set has claimed it
   */
  static async claim(options: Options, signal: AbortSignal): Promise<ResultsFolder> {
    const folder = new ResultsFolder(options);
    await folder.#read(signal);
    const begun = { phase: 'Listing', message: 'The pass has begun.' };
    const before = Date.now();
    const { updated } = await folder.#write({ ...folder.#state, ...begun }, signal);
    // Girder changes it with the write, so that it shows its clock.
    const now = Date.parse(updated ?? '');
    if (!Number.isNaN(now)) folder.#aheadMs = now - (before + Date.now()) / 2;
    return folder;
  }

  /**
   * Looks at the folder and writes nothing.
   * @throws RunError ResultNotOurs if another set has claimed it
   */
  static async look(options: Options, signal: AbortSignal): Promise<ResultsFolder> {
    const folder = new ResultsFolder(options);
    await folder.#read(signal);
    return folder;
  }

  /** Milliseconds since 1970 by Girder's clock. */
  get now(): number {
    return Date.now() + this.#aheadMs;
  }

  /** Reads the wishes of people and shows the notice, unless the last time was less than 30 s ago. */
  async show(notice: () => FolderNotice, signal: AbortSignal): Promise<void> {
    if (performance.now() - this.#writtenAt < leastMs) return;
    await this.#read(signal);
    await this.#write({ ...this.#state, ...noticeOf(notice()) }, signal);
  }

  /** Shows the end of the pass; `lastPass` only for a whole one. */
  async finish(notice: FolderNotice, lastPass: Partial<LastPass>, signal: AbortSignal): Promise<void> {
    await this.#read(signal);
    const times = { ...this.lastPass, ...lastPass };
    const state = { ...this.#state, ...noticeOf(notice), ...timesOf(times) };
    await this.#write(state, signal);
  }

  /** As {@link finish} for a pass that failed, whose own failure counts. */
  async fail(notice: FolderNotice, signal: AbortSignal): Promise<void> {
    try {
      await this.finish(notice, {}, signal);
    } catch (error) {
      this.#options.log.warn({ error: describe(error) }, 'cannot show the failure in the results folder');
    }
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { client, folderId, set, key } = this.#options;
    // In one session, because a list that a stranger is shown has fewer entries.
    const folder = await client.inOneSession(() => this.#request('GET', {}, signal), signal);
    const state = isRecord(folder.meta[key]) ? folder.meta[key] : {};
    const owner = textOf(state['set']);
    if (owner !== undefined && owner !== set) {
      const whose = `the results folder ${folderId} in Girder ${client.apiUrl} belongs to the DockerRunSet ${owner.slice(0, 300)}`;
      throw new RunError('ResultNotOurs', `${whose}, as its metadata ${key} says`);
    }
    this.#state = state;
    const retry = textOf(state['retry'])?.slice(0, longest.retry) ?? numberOf(state['retry'])?.toString();
    this.wishes = { pause: state['pause'] === true, retry };
    this.lastPass = { startedAt: timeIn(state, 'passStartedAt'), verifiedAt: timeIn(state, 'verifiedAt') };
  }

  async #write(state: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<ListedDocument> {
    const { set, key } = this.#options;
    const value = { ...state, set, at: new Date(this.now).toISOString() };
    const written = await this.#request('PUT', { metadata: JSON.stringify({ [key]: value }) }, signal);
    this.#state = value;
    this.#writtenAt = performance.now();
    return written;
  }

  #request(method: 'GET' | 'PUT', form: Readonly<Record<string, string>>, signal: AbortSignal) {
    const { client, folderId } = this.#options;
    const body = method === 'GET' ? {} : { form };
    const subject = `folder ${folderId}`;
    return client.json({ method, route: ['folder', folderId], ...body, subject, signal, parse: parseListed });
  }
}

function noticeOf({ message, ...notice }: FolderNotice) {
  return { ...notice, message: message.slice(0, longest.message).toWellFormed() };
}

function timesOf({ startedAt, verifiedAt }: LastPass): Record<string, string> {
  const texts: Record<string, string> = {};
  if (startedAt !== undefined) texts['passStartedAt'] = new Date(startedAt).toISOString();
  if (verifiedAt !== undefined) texts['verifiedAt'] = new Date(verifiedAt).toISOString();
  return texts;
}

function timeIn(state: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const time = Date.parse(textOf(state[name])?.slice(0, 64) ?? '');
  return Number.isNaN(time) ? undefined : time;
}
