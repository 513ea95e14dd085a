import type { ComponentChildren } from 'preact';
import type { Condition } from './run-object.ts';
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
  if (href === undefined) return <>{children}</>;
  return (
    <a href={href} target="_blank" rel="noreferrer">
      {children}
    </a>
  );
}
