/**
 * `$(name)` in commands and arguments. `$$(name)` is the literal text `$(name)`, as in Kubernetes
 * (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/); what
 * cannot be a name, such as `$(cat file)`, is left as it is.
 */
const reference = /\$?\$\(([A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)\)/g;

/** The names that a text refers to, in order. */
export function referencedNames(text: string): string[] {
  return [...text.matchAll(reference)].flatMap(([whole, name]) =>
    whole.startsWith('$$') || name === undefined ? [] : [name],
  );
}

/** The text with every reference replaced; a name without a value is left as it is. */
export function expandReferences(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(reference, (whole: string, name: string) =>
    whole.startsWith('$$') ? whole.slice(1) : (values.get(name) ?? whole),
  );
}
