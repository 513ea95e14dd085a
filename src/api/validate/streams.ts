import { isForbiddenHeader } from '../own-headers.ts';
import type { DockerRunSpec } from '../spec.ts';

/** Requests that cannot be made. */
export function streamProblems(spec: DockerRunSpec): string[] {
  return (spec.transforms ?? []).flatMap(({ name, connect }) => {
    const post = connect?.output.chunkedTransferEncodingStream;
    if (post === undefined) return [];
    const field = `spec.transforms: ${name}.connect.output.chunkedTransferEncodingStream`;
    const own = (post.headers ?? []).filter((header) => isForbiddenHeader(header.name));
    return [
      ...urlProblems(`${field}.url`, post.url),
      ...own.map((header) => `${field}.headers: ${header.name} is set by the request itself; remove it`),
    ];
  });
}

/** Encoded slashes and names before an @ make an address look like another one to whoever has to allow it. */
function urlProblems(field: string, text: string): string[] {
  if (!URL.canParse(text)) return [`${field}: it is no address`];
  const { username, password, pathname } = new URL(text);
  if (username !== '' || password !== '') return [`${field}: it has a user; use a header with a Secret`];
  return /%(2f|5c)/i.test(pathname) ? [`${field}: its path has an encoded slash (%2f or %5c)`] : [];
}
