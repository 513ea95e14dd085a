import { phaseClass, phaseSigns } from './wording.ts';

/** A phase with its sign and colour. */
export function Phase({ phase }: { phase: string }) {
  return (
    <span class={`phase ${phaseClass(phase)}`}>
      <span aria-hidden="true">{phaseSigns[phase] ?? '·'}</span> {phase}
    </span>
  );
}
