/** The kubelet expands $(NAME) in values itself; $$ keeps ours (and halves the user's own $$ back). */
export function literal(value: string): string {
  return value.replaceAll('$', '$$$$');
}
