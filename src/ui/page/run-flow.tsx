import { useRef } from 'preact/hooks';
import { bytesText } from '../../support/byte-text.ts';
import { GirderLink } from './object-parts.tsx';
import { type FlowPart, flowOf } from './run-flow-model.ts';
import type { RunObject, Transfer } from './run-object.ts';
import { phaseClass } from './wording.ts';

/** The drawing of a run: its inputs, the target, and its outputs, with what has been transferred. */
export function RunFlowDrawing({ run }: { run: RunObject }) {
  const { inputs, outputs } = flowOf(run);
  const rates = useRates(run.status?.transfers ?? []);
  return (
    <section aria-label="Data flow" class="flow">
      <Parts parts={inputs} none="no inputs" rates={rates} side="in" />
      <Target run={run} />
      <Parts parts={outputs} none="no outputs" rates={rates} side="out" />
    </section>
  );
}

function Target({ run: { spec, status = {} } }: { run: RunObject }) {
  const { phase = 'Pending', progress, target } = status;
  return (
    <div class={`target ${phaseClass(phase)}`}>
      <strong>target</strong>
      <code>{spec?.image}</code>
      {phase === 'Running' && <span>{progress?.message}</span>}
      {target?.exitCode !== undefined && <span>exit code {target.exitCode}</span>}
    </div>
  );
}

type Side = {
  parts: readonly FlowPart[];
  none: string;
  rates: ReadonlyMap<string, number>;
  side: 'in' | 'out';
};

/** Parts drawn on one side; more would not be legible, and the YAML has them all. */
const maxDrawn = 40;

function Parts({ parts, none, rates, side }: Side) {
  if (parts.length === 0) return <p class="none">{none}</p>;
  return (
    <ul class={side}>
      {parts.slice(0, maxDrawn).map((part) => (
        <li key={`${part.name} ${part.what}`}>
          <div class="part">
            <strong>{part.name}</strong>
            <span class="what">
              <GirderLink href={part.href}>{part.what}</GirderLink>
            </span>
            {part.transfer !== undefined && (
              <Moved transfer={part.transfer} rate={rates.get(keyOf(part.transfer))} />
            )}
          </div>
          <span class="via">{part.via}</span>
        </li>
      ))}
      {parts.length > maxDrawn && <li class="none">and {parts.length - maxDrawn} more</li>}
    </ul>
  );
}

function Moved({ transfer, rate }: { transfer: Transfer; rate: number | undefined }) {
  const { bytes = 0, totalBytes } = transfer;
  const isMoving = rate !== undefined && rate > 0 && bytes !== totalBytes;
  return (
    <span class="moved">
      {totalBytes !== undefined && (
        <progress max={Math.max(totalBytes, 1)} value={totalBytes === 0 ? 1 : bytes} />
      )}
      {bytesText(bytes)}
      {totalBytes !== undefined && totalBytes !== bytes && ` of ${bytesText(totalBytes)}`}
      {isMoving && `, ${bytesText(rate)}/s`}
    </span>
  );
}

const keyOf = ({ name, direction }: Transfer) => `${direction} ${name}`;

/** Bytes per second of each transfer, between the last two states that differ. */
function useRates(transfers: readonly Transfer[]): ReadonlyMap<string, number> {
  const seen = useRef(new Map<string, { at: number; bytes: number; rate: number }>());
  const now = performance.now();
  for (const transfer of transfers) {
    const key = keyOf(transfer);
    const { bytes = 0 } = transfer;
    const last = seen.current.get(key);
    if (last !== undefined && bytes <= last.bytes) continue;
    const rate = last === undefined ? 0 : ((bytes - last.bytes) / Math.max(1, now - last.at)) * 1000;
    seen.current.set(key, { at: now, bytes, rate });
  }
  return new Map([...seen.current].map(([key, { rate }]) => [key, rate]));
}
