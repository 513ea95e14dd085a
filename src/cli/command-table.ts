import { clusterCommands } from './cluster-commands.ts';
import type { CommandSpec } from './command-spec.ts';
import { localCommands } from './local-commands.ts';
import { manifestCommands } from './manifest-commands.ts';

const group = 'This command';

/** Every command of the program. The parser, the help, the completions and docs/commands.md are made from it. */
export const commandTable: readonly CommandSpec[] = [
  ...localCommands,
  ...manifestCommands,
  ...clusterCommands,
  {
    name: 'completion',
    group,
    summary: 'Print a script that lets a shell complete commands, options and names',
    args: [{ name: 'bash|zsh|fish', completes: ['bash', 'zsh', 'fish'] }],
    options: [],
    details: [
      'Where the completion of kubectl is loaded, it completes kubectl dockerrun as well: beside dockerrun the package installs kubectl_complete-dockerrun, for which kubectl looks in PATH.',
    ],
    examples: [
      'source <(dockerrun completion bash)',
      'dockerrun completion zsh > "${fpath[1]}/_dockerrun"',
      'dockerrun completion fish > ~/.config/fish/completions/dockerrun.fish',
    ],
    load: async () => (await import('./completion-scripts.ts')).completionCommand,
  },
];
