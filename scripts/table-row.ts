/** A row of a table of Markdown. */
export function tableRow(...cells: string[]): string {
  return `| ${cells.join(' | ')} |`;
}
