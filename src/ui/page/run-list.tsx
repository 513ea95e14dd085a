import { useEffect, useRef, useState } from 'preact/hooks';
import type { RunSummary } from '../ui-messages.ts';
import { type Address, addressOf, setFilter } from './address.ts';
import { ColumnHeads } from './column-heads.tsx';
import { type PageStore, useNow, useStore } from './page-store.ts';
import { Phase } from './phase.tsx';
import { countsOf, filtered, filterOf } from './run-filter.ts';
import { useVirtualRows } from './virtual-rows.ts';
import { ageOf } from '../../support/age-text.ts';

/** Pixels; the style sheet has the same. */
const rowHeight = 36;

const columns = ['Phase', 'Name', 'Namespace', 'Image', 'Progress', 'Node', 'Age', 'Reason'] as const;

/** All runs, the newest first, with filters that are in the address. */
export function RunList({ store, address }: { store: PageStore; address: Address }) {
  useStore(store);
  const now = useNow();
  const filter = filterOf(address.filter);
  const runs = filtered(store.runs.values(), filter);
  const { box, read, rows, show } = useVirtualRows(runs.length, rowHeight);
  const [selected, setSelected] = useState<string>();
  const search = useRef<HTMLInputElement>(null);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
      const at = runs.findIndex(({ key }) => key === selected);
      const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
      if (step !== undefined) {
        const next = Math.min(runs.length - 1, Math.max(0, at + step));
        setSelected(runs[next]?.key);
        show(next);
      } else if (event.key === 'Enter' && selected !== undefined && at >= 0)
        location.hash = addressOf('runs', selected);
      else if (event.key === '/') search.current?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });

  const choose = (name: string) => (event: Event) =>
    setFilter(address, name, (event.currentTarget as HTMLInputElement | HTMLSelectElement).value);
  return (
    <main class="list">
      <form
        class="filters"
        role="search"
        aria-label="Filter runs"
        onSubmit={(event) => event.preventDefault()}
      >
        <Choice
          label="Phase"
          value={filter.phase}
          options={countsOf(store.runs.values(), 'phase')}
          onChoose={choose('phase')}
        />
        <Choice
          label="Namespace"
          value={filter.namespace}
          options={countsOf(store.runs.values(), 'namespace')}
          onChoose={choose('namespace')}
        />
        <Choice
          label="Set"
          value={filter.set}
          options={countsOf(store.runs.values(), 'set')}
          onChoose={choose('set')}
        />
        <label>
          Text
          <input
            type="search"
            ref={search}
            value={filter.text}
            placeholder="name, image, node, reason"
            onInput={choose('text')}
          />
        </label>
        <output aria-live="polite">
          {runs.length} of {store.runs.size} runs
        </output>
      </form>
      <div class="rows" ref={box} onScroll={read}>
        <table aria-rowcount={runs.length + 1} aria-label="Runs">
          <ColumnHeads columns={columns} row={1} />
          <tbody>
            <Space rows={rows.first} />
            {runs.slice(rows.first, rows.end).map((run, index) => (
              <Row
                key={run.key}
                run={run}
                now={now}
                index={rows.first + index}
                isSelected={run.key === selected}
              />
            ))}
            <Space rows={runs.length - rows.end} />
          </tbody>
        </table>
        {runs.length === 0 && <Empty store={store} />}
      </div>
    </main>
  );
}

function Row({
  run,
  now,
  index,
  isSelected,
}: {
  run: RunSummary;
  now: number;
  index: number;
  isSelected: boolean;
}) {
  return (
    <tr aria-rowindex={index + 2} aria-selected={isSelected} class={isSelected ? 'selected' : ''}>
      <td class="phase">
        <Phase phase={run.phase} />
      </td>
      <td class="name">
        <a href={addressOf('runs', run.key)}>{run.name}</a>
      </td>
      <td class="namespace">{run.namespace}</td>
      <td class="image" title={run.image}>
        {run.image}
      </td>
      <td class="progress">{run.progress}</td>
      <td class="node">{run.node}</td>
      <td class="age">{ageOf(run.created, now)}</td>
      <td class="reason">{run.reason === run.phase ? '' : run.reason}</td>
    </tr>
  );
}

/** Takes the room of rows that are not drawn. */
function Space({ rows }: { rows: number }) {
  return <tr aria-hidden="true" style={{ height: `${Math.max(0, rows) * rowHeight}px` }} />;
}

type ChoiceProps = {
  label: string;
  value: string;
  options: readonly (readonly [string, number])[];
  onChoose: (event: Event) => void;
};

function Choice({ label, value, options, onChoose }: ChoiceProps) {
  const isListed = value === '' || options.some(([option]) => option === value);
  return (
    <label>
      {label}
      <select value={value} onChange={onChoose}>
        <option value="">all</option>
        {!isListed && <option value={value}>{value} (0)</option>}
        {options.map(([option, count]) => (
          <option key={option} value={option}>
            {option} ({count})
          </option>
        ))}
      </select>
    </label>
  );
}

function Empty({ store }: { store: PageStore }) {
  if (!store.isComplete) return <p class="note">Loading the runs …</p>;
  if (store.runs.size > 0) return <p class="note">No run passes the filter.</p>;
  return (
    <p class="note">
      There are no runs yet. Start one with <code>kubectl apply</code> or <code>dockerrun submit FILE</code>.
    </p>
  );
}
