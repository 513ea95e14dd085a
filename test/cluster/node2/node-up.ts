import { layout } from '../layout.ts';
import { runProgram } from '../program.ts';
import { printLine } from '../progress.ts';
import { engineNamed } from './engines.ts';
import { bringNode2Up } from './node-start.ts';
import { node2 } from './node2-layout.ts';

await runProgram(async (signal) => {
  const engine = engineNamed(process.env['ENGINE']);
  await bringNode2Up(engine, signal);
  printLine(
    `${node2.name} is Ready with ${engine.docker ? `Docker ${engine.name}` : 'no Docker'}; ${layout.env}`,
  );
});
