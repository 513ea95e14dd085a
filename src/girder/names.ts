/** What every Linux file system allows in a name. */
const maxNameBytes = 255;

/**
 * A name in Girder as a file name that cannot leave its directory: `/`, NUL and control characters become `_`,
 * `.` and `..` become `_.` and `_..`, and a name that is too long loses its middle, not its extension.
 */
export function safeFileName(name: string): string {
  // Control characters are exactly what is looked for.
  const plain = name.toWellFormed().replace(/[\u0000-\u001f\u007f/]/g, '_');
  if (plain === '') return '_';
  return shorten(plain === '.' || plain === '..' ? `_${plain}` : plain);
}

function shorten(name: string): string {
  if (Buffer.byteLength(name) <= maxNameBytes) return name;
  const extension = /\.[^.]{1,20}$/.exec(name)?.[0] ?? '';
  const room = maxNameBytes - Buffer.byteLength(extension);
  let stem = '';
  let bytes = 0;
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    stem += character;
  }
  return stem + extension;
}
