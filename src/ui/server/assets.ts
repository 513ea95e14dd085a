import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { errorCode } from '../../support/errors.ts';

/** Beside the bundled program, and where `make bundle` puts it for a program that runs from its source. */
const places = [join(import.meta.dirname, 'ui'), join(import.meta.dirname, '../../../dist/ui')];

/** Everything that there is to be loaded, so that no path can lead elsewhere. */
const assets: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
};

/** Sends a file of the page, or 404. @throws Error if the page was not built */
export async function sendAsset(
  pathname: string,
  { method }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asset = assets[pathname];
  if (asset === undefined || (method !== 'GET' && method !== 'HEAD')) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('there is nothing here\n');
    return;
  }
  const [file, type] = asset;
  const content = await readAsset(file);
  response.writeHead(200, { 'content-type': type, 'content-length': content.length });
  response.end(method === 'HEAD' ? undefined : content);
}

async function readAsset(file: string): Promise<Buffer> {
  for (const place of places) {
    try {
      return await readFile(join(place, file));
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
  throw new Error(`${file} of the page is missing: run make bundle`);
}
