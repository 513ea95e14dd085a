import { StringDecoder } from 'node:string_decoder';

/** The longest line the engine may send, in characters; its own are below 10 000. */
const longestLine = 4 * 1024 * 1024;

/**
 * Yields each line of a stream of JSON lines as it completes, parsed but not judged. Characters and lines may be
 * split anywhere. A line without its newline at the end counts only when it is whole JSON.
 * @throws Error when a line is no JSON or too long, or when the stream breaks
 */
export async function* jsonLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<unknown, void, undefined> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine)
      throw new Error(`The engine sent a line of more than ${longestLine} characters`);
    for (const line of lines) if (line.trim() !== '') yield parseLine(line);
  }
  rest += decoder.end();
  if (rest.trim() !== '') yield parseLine(rest);
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Error(`The engine sent a line that is no JSON: ${line.slice(0, 200)}`, { cause: error });
  }
}
