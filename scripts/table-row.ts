/** A Markdown table row; the cells must not contain `|`. */
export function tableRow(...cells: string[]): string {
  return `| ${cells.join(' | ')} |`;
}
