import { useRef, useState } from 'preact/hooks';
import type { Action, KindOfObject } from '../ui-messages.ts';
import { addressOf } from './address.ts';
import type { PageClient } from './page-client.ts';
import { isOver } from './wording.ts';

type Subject = {
  kind: KindOfObject;
  key: string;
  uid: string;
  phase: string;
  isSuspended: boolean;
  /** A chunk is tried again by its set. */
  isChunk: boolean;
};

/** What can be done with a run or set now, in the order of the buttons, with what happens then. */
export function offersFor({ kind, phase, isSuspended, isChunk }: Subject): readonly [Action, string][] {
  const noun = kind === 'runs' ? 'run' : 'set';
  const over = isOver(phase);
  const offers: [Action, string, boolean][] = [
    ['resume', `The ${noun} runs again.`, isSuspended && !over],
    [
      'suspend',
      `The ${noun} stops and keeps its place. What its target has computed so far is lost.`,
      !isSuspended && !over,
    ],
    ['cancel', `The ${noun} stops for good.`, !over],
    [
      'retry',
      kind === 'runs' ? 'A new run with the same spec starts.' : 'The failed inputs are tried again.',
      kind === 'sets' || (over && !isChunk),
    ],
    ['delete', `The ${noun} and its log are deleted. Results in Girder stay.`, true],
  ];
  return offers.flatMap(([action, effect, isOffered]) => (isOffered ? [[action, effect]] : []));
}

/** The buttons of a run or set. Each asks before it acts. */
export function ActionBar({ client, subject }: { client: PageClient; subject: Subject }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [asked, setAsked] = useState<readonly [Action, string]>();
  const [outcome, setOutcome] = useState('');
  const [namespace = '', name = ''] = subject.key.split('/');

  const ask = (offer: readonly [Action, string]) => {
    setAsked(offer);
    setOutcome('');
    dialog.current?.showModal();
  };
  const act = async () => {
    dialog.current?.close();
    if (asked === undefined) return;
    const [action] = asked;
    try {
      const { kind, uid } = subject;
      const { created } = await client.act({ kind, namespace, name, uid, action });
      setOutcome(action === 'retry' && created !== undefined ? '' : `${action}: done`);
      if (created !== undefined) location.hash = addressOf('runs', `${namespace}/${created}`);
      if (action === 'delete') location.hash = addressOf(kind);
    } catch (error) {
      setOutcome(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <div class="actions">
      {offersFor(subject).map((offer) => (
        <button key={offer[0]} type="button" onClick={() => ask(offer)}>
          {capital(offer[0])}
        </button>
      ))}
      <span role="status">{outcome}</span>
      <dialog ref={dialog} aria-labelledby="question">
        <h2 id="question">
          {capital(asked?.[0] ?? '')} {name}?
        </h2>
        <p>{asked?.[1]}</p>
        <div class="actions">
          <button type="button" class="main" onClick={() => void act()}>
            {capital(asked?.[0] ?? '')}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Back
          </button>
        </div>
      </dialog>
    </div>
  );
}

function capital(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}
