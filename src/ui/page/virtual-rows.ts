import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Rows drawn beyond the visible ones, so that a fast scroll shows no gaps. */
const overscan = 12;

/** Which rows of a long table have to be drawn: `first` up to, and without, `end`. */
export type VisibleRows = { readonly first: number; readonly end: number };

/**
 * Draws only the rows of a table that are on the screen, since 10,000 would make each change take seconds.
 *
 * @param count of all rows
 * @param height of a row in pixels
 */
export function useVirtualRows(count: number, height: number) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  const read = () => {
    const { scrollTop = 0, clientHeight = 0 } = box.current ?? {};
    setView((before) =>
      before.top === scrollTop && before.height === clientHeight
        ? before
        : { top: scrollTop, height: clientHeight },
    );
  };
  useLayoutEffect(read);
  useEffect(() => {
    addEventListener('resize', read);
    return () => removeEventListener('resize', read);
  }, []);
  const first = Math.max(0, Math.floor(view.top / height) - overscan);
  const end = Math.min(count, Math.ceil((view.top + view.height) / height) + overscan);
  /** Scrolls as far as needed to show a row. */
  const show = (row: number) => {
    const { current } = box;
    if (current === null) return;
    // The head of the table covers the first row's height.
    const top = row * height;
    if (top < current.scrollTop) current.scrollTop = top;
    const bottom = top + 2 * height - current.clientHeight;
    if (bottom > current.scrollTop) current.scrollTop = bottom;
  };
  const rows: VisibleRows = { first: Math.min(first, end), end };
  return { box, read, rows, show };
}
