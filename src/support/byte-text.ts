const units = ['kB', 'MB', 'GB', 'TB'];

/** Such as "3.2 MB": decimal units, one decimal place. It is the same in statuses, on the terminal and on the page. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
  // Rounded before the unit is chosen, so that 999,999 bytes are 1.0 MB and not 1000.0 kB.
  const power = Math.min(units.length, Math.floor(Math.log10(Number(bytes.toPrecision(4))) / 3));
  return `${(bytes / 1000 ** power).toFixed(1)} ${units[power - 1]}`;
}
