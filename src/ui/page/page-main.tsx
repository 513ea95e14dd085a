import { render } from 'preact';
import { useAddress } from './address.ts';
import { PageClient, takeToken } from './page-client.ts';
import { PageStore, useStore } from './page-store.ts';
import { RunList } from './run-list.tsx';
import { RunPage } from './run-page.tsx';
import { SetList } from './set-list.tsx';
import { SetPage } from './set-page.tsx';

/** The page of `dockerrun ui`: a head with two lists, and the list or object that the address names. */
function Page({ store, client }: { store: PageStore; client: PageClient }) {
  const address = useAddress();
  const { view, key } = address;
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('content')?.focus()}>
        Skip to the content
      </button>
      <Head store={store} view={view} />
      <div id="content" tabIndex={-1}>
        {view === 'runs' && key === undefined && <RunList store={store} address={address} />}
        {view === 'runs' && key !== undefined && <RunPage store={store} client={client} runKey={key} />}
        {view === 'sets' && key === undefined && <SetList store={store} />}
        {view === 'sets' && key !== undefined && <SetPage store={store} client={client} setKey={key} />}
      </div>
    </>
  );
}

function Head({ store, view }: { store: PageStore; view: string }) {
  useStore(store);
  const state =
    store.problem ?? (store.isLive ? 'live' : 'The connection to the cluster is lost; this may be old.');
  return (
    <header>
      <strong>DockerRun</strong>
      <nav aria-label="Lists">
        <a href="#/runs" aria-current={view === 'runs' ? 'page' : undefined}>
          Runs
        </a>
        <a href="#/sets" aria-current={view === 'sets' ? 'page' : undefined}>
          Sets
        </a>
      </nav>
      {store.namespace !== undefined && <span>namespace {store.namespace}</span>}
      <span class={`state ${state === 'live' ? 'good' : 'bad'}`} role="status">
        {state}
      </span>
    </header>
  );
}

const root = document.getElementById('page');
const token = takeToken();
if (root !== null && token === undefined)
  root.textContent =
    'Open the whole address that dockerrun ui printed in the terminal: it has a token that this page needs.';
if (root !== null && token !== undefined) {
  const client = new PageClient(token);
  const store = new PageStore();
  root.textContent = '';
  render(<Page store={store} client={client} />, root);
  void store.follow(client);
}
