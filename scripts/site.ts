import { writeSite } from './site/site-files.ts';

/** Writes the documentation as plain files into `site/`: it works on any server, and from the disk. */
const { size } = writeSite('site');
console.log(`site/index.html (${size} files)`);
