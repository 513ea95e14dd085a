import { useEffect, useState } from 'preact/hooks';

/** What the part of the address after the # says: which view, of which object, with which filter. */
export type Address = {
  readonly view: 'runs' | 'sets';
  /** `<namespace>/<name>`; undefined for the list. */
  readonly key: string | undefined;
  readonly filter: URLSearchParams;
};

export function parseAddress(hash: string): Address {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  const [view, namespace, name] = path.split('/');
  return {
    view: view === 'sets' ? 'sets' : 'runs',
    key: namespace !== undefined && name !== undefined ? `${namespace}/${name}` : undefined,
    filter: new URLSearchParams(query),
  };
}

export function addressOf(view: Address['view'], key?: string): string {
  return key === undefined ? `#/${view}` : `#/${view}/${key}`;
}

/** Changes one entry of the filter in the address, so that a filtered list can be bookmarked. */
export function setFilter({ view, filter }: Address, name: string, value: string): void {
  const next = new URLSearchParams(filter);
  if (value === '') next.delete(name);
  else next.set(name, value);
  const query = next.toString();
  history.replaceState(undefined, '', `#/${view}${query === '' ? '' : `?${query}`}`);
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useAddress(): Address {
  const [address, setAddress] = useState(parseAddress(location.hash));
  useEffect(() => {
    const read = () => setAddress(parseAddress(location.hash));
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  return address;
}
