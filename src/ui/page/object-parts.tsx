import type { ComponentChildren } from 'preact';
import type { KindOfObject } from '../ui-messages.ts';
import { ActionBar } from './action-bar.tsx';
import { addressOf } from './address.ts';
import type { PageClient } from './page-client.ts';
import { Phase } from './phase.tsx';
import type { Condition, ObjectMembers } from './run-object.ts';
import { timeText } from './wording.ts';

/** The conditions in words; those that are true come first. */
export function Conditions({ conditions, now }: { conditions: readonly Condition[]; now: number }) {
  const sorted = [...conditions].sort(
    (one, other) => Number(other.status === 'True') - Number(one.status === 'True'),
  );
  return (
    <section aria-label="Conditions">
      <h2>Conditions</h2>
      <dl class="conditions">
        {sorted.map(({ type, status, reason, message, lastTransitionTime }) => (
          <div key={type} class={status === 'True' ? 'holds' : ''}>
            <dt>
              {status === 'True' ? type : `not ${type}`}
              {reason !== undefined && reason !== type && <small> {reason}</small>}
            </dt>
            <dd>
              {message}{' '}
              {lastTransitionTime !== undefined && <small>since {timeText(lastTransitionTime, now)}</small>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

export function YamlView({ yaml }: { yaml: string }) {
  return (
    <details class="yaml">
      <summary>YAML</summary>
      <button type="button" onClick={() => void navigator.clipboard.writeText(yaml)}>
        Copy
      </button>
      <pre tabIndex={0}>{yaml}</pre>
    </details>
  );
}

/** A link into Girder, or the text alone where its page is not known. */
export function GirderLink({ href, children }: { href: string | undefined; children: ComponentChildren }) {
  if (href === undefined || !/^https?:/.test(href)) return <>{children}</>;
  return (
    <a href={href} target="_blank" rel="noreferrer">
      {children}
    </a>
  );
}

type FrameProps = {
  client: PageClient;
  kind: KindOfObject;
  /** `<namespace>/<name>` */
  of: string;
  object: ObjectMembers | undefined;
  /** The object was there and is no longer. */
  isGone: boolean;
  problem: string | undefined;
  children: ComponentChildren;
};

/** What the pages of a run and of a set have in common: where it is, its phase and message, and what can be done. */
export function ObjectFrame({ client, kind, of, object, isGone, problem, children }: FrameProps) {
  const [namespace = '', name = ''] = of.split('/');
  const said = isGone ? 'It was deleted.' : problem;
  return (
    <main class="object">
      <p class="path">
        <a href={addressOf(kind)}>{kind === 'runs' ? 'Runs' : 'Sets'}</a> / {namespace}
      </p>
      <h1>
        {name} {object !== undefined && <Phase phase={phaseOf(object)} />}
      </h1>
      {said !== undefined && <p class="problem">{said}</p>}
      {object !== undefined && (
        <>
          <p class="message">{object.status?.message}</p>
          <ActionBar client={client} subject={subjectOf(kind, of, object)} />
          {children}
        </>
      )}
    </main>
  );
}

const phaseOf = ({ status }: ObjectMembers) => status?.phase ?? 'Pending';

function subjectOf(kind: KindOfObject, key: string, object: ObjectMembers) {
  const { metadata, spec } = object;
  return {
    kind,
    key,
    uid: metadata?.uid ?? '',
    phase: phaseOf(object),
    isSuspended: spec?.suspend === true,
    isChunk: spec?.forEach !== undefined,
  };
}
