import type {
  ActionAnswer,
  ActionRequest,
  ErrorAnswer,
  KindOfObject,
  ObjectAnswer,
  Update,
} from '../ui-messages.ts';

const storageKey = 'dockerrun-ui-token';

/**
 * Takes the token out of the address that the user opened, `#token=…` or `#token=…&to=/runs/<namespace>/<name>`, so that it does not stay in the history. The tab keeps it, so
 * that the page can be reloaded.
 */
export function takeToken(): string | undefined {
  const [, token, to = '/runs'] = /^#token=([\w-]+)(?:&to=(\/[\w./-]+))?$/.exec(location.hash) ?? [];
  if (token !== undefined) {
    sessionStorage.setItem(storageKey, token);
    history.replaceState(undefined, '', `#${to}`);
  }
  return sessionStorage.getItem(storageKey) ?? undefined;
}

/** The requests of the page to its server. Each rejects with an Error whose message is a sentence for the user. */
export class PageClient {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  object(kind: KindOfObject, key: string, signal: AbortSignal): Promise<ObjectAnswer> {
    return this.#json(`/api/${kind}/${key}`, { signal });
  }

  act(request: ActionRequest): Promise<ActionAnswer> {
    return this.#json('/api/actions', { method: 'POST', body: JSON.stringify(request) });
  }

  /** Calls `onText` with each piece of the log of a pod, until the pod ends or the signal aborts. */
  async log(
    namespace: string,
    pod: string,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.#open(`/api/log/${namespace}/${pod}`, { signal });
    const decoder = new TextDecoder();
    for await (const chunk of chunksOf(response)) onText(decoder.decode(chunk, { stream: true }));
  }

  /** Calls `onUpdate` with each server-sent event, until the connection ends. EventSource cannot send the token. */
  async updates(onUpdate: (update: Update) => void, signal: AbortSignal): Promise<void> {
    const response = await this.#open('/api/updates', { signal });
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of chunksOf(response)) {
      const events = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = events.pop() ?? '';
      for (const event of events)
        if (event.startsWith('data: ')) onUpdate(JSON.parse(event.slice(6)) as Update);
    }
  }

  async #json<T>(path: string, init: RequestInit): Promise<T> {
    return (await (await this.#open(path, init)).json()) as T;
  }

  async #open(path: string, init: RequestInit): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#token}` };
    const response = await fetch(path, { ...init, headers }).catch((error: unknown) => {
      if (init.signal?.aborted === true) throw error;
      throw new Error('dockerrun ui no longer answers: start it again in the terminal');
    });
    if (response.ok) return response;
    const { error } = (await response.json().catch(() => ({ error: response.statusText }))) as ErrorAnswer;
    throw new Error(error);
  }
}

async function* chunksOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  for (;;) {
    const part = await reader?.read();
    if (part === undefined || part.done) return;
    yield part.value;
  }
}
