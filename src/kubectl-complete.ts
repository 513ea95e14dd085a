#!/usr/bin/env node
/**
 * kubectl runs `kubectl_complete-dockerrun` with the words after `kubectl dockerrun`, the last of which is to be completed.
 */
import { commandTable } from './cli/command-table.ts';
import { printCompletions } from './cli/completion.ts';

const terminal = { stdout: process.stdout, stop: new AbortController().signal };
process.exit(await printCompletions(process.argv.slice(2), commandTable, terminal, 'kubectl'));
