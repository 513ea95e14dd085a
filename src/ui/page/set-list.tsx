import { addressOf } from './address.ts';
import { ColumnHeads } from './column-heads.tsx';
import { type PageStore, useNow, useStore } from './page-store.ts';
import { Phase } from './phase.tsx';
import { SetBar } from './set-bar.tsx';
import { ageOf } from '../../support/age-text.ts';

const columns = ['Phase', 'Name', 'Namespace', 'Inputs', 'Done', 'Failed', 'Age'] as const;

/** All sets by name; there are dozens, not thousands. */
export function SetList({ store }: { store: PageStore }) {
  useStore(store);
  const now = useNow();
  const sets = [...store.sets.values()].sort((one, other) => (one.key < other.key ? -1 : 1));
  return (
    <main class="list">
      <div class="rows">
        <table aria-label="Sets">
          <ColumnHeads columns={columns} />
          <tbody>
            {sets.map((set) => (
              <tr key={set.key}>
                <td class="phase">
                  <Phase phase={set.phase} />
                </td>
                <td class="name">
                  <a href={addressOf('sets', set.key)}>{set.name}</a>
                </td>
                <td class="namespace">{set.namespace}</td>
                <td class="inputs">
                  <SetBar counts={set.counts} />
                </td>
                <td class="done">
                  {set.counts.done} of {set.counts.seen}
                </td>
                <td class="failed">{set.counts.failed}</td>
                <td class="age">{ageOf(set.created, now)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {sets.length === 0 && (
          <p class="note">
            {store.isComplete
              ? 'There are no sets. A DockerRunSet runs an image over every item of a folder.'
              : 'Loading the sets …'}
          </p>
        )}
      </div>
    </main>
  );
}
