import { CommandLineError, type Given, ownCodes } from './arguments.ts';
import { completeCommand } from './command-line.ts';
import type { Terminal } from './terminal.ts';

/** Each asks the program itself, which prints a line for each candidate, or `:files` for files. */
const scripts: Readonly<Record<string, string>> = {
  bash: `_dockerrun() {
  local line answer
  COMPREPLY=()
  answer=$("\${COMP_WORDS[0]}" ${completeCommand} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return
  while IFS= read -r line; do
    if [ "$line" = ':files' ]; then
      compopt -o default
    elif [ -n "$line" ]; then
      COMPREPLY+=("\${line%%$'\\t'*}")
    fi
  done <<< "$answer"
}
complete -F _dockerrun dockerrun
`,
  zsh: `#compdef dockerrun
_dockerrun() {
  local line answer
  local -a candidates
  answer="$("\${words[1]}" ${completeCommand} "\${(@)words[2,CURRENT]}" 2>/dev/null)" || return
  for line in "\${(@f)answer}"; do
    if [[ "$line" == ':files' ]]; then
      compset -P '*='
      _files
    elif [[ -n "$line" ]]; then
      candidates+=("\${\${line//:/\\\\:}/$'\\t'/:}")
    fi
  done
  (( \${#candidates} )) && _describe dockerrun candidates
}
if [[ "\${funcstack[1]}" == _dockerrun ]]; then
  _dockerrun "$@"
else
  compdef _dockerrun dockerrun
fi
`,
  fish: `function __dockerrun_complete
  set -l words (commandline --tokenize --cut-at-cursor --current-process)
  set -l word (commandline --current-token --cut-at-cursor)
  for line in ($words[1] ${completeCommand} $words[2..] "$word" 2>/dev/null)
    if test "$line" = ':files'
      set -l before (string match --regex '^.*=' -- "$word")
      for path in (__fish_complete_path (string replace --regex '^.*=' '' -- "$word"))
        echo "$before$path"
      end
    else
      echo $line
    end
  end
end
complete --command dockerrun --no-files --arguments '(__dockerrun_complete)'
`,
};

/** `dockerrun completion SHELL` */
export async function completionCommand({ args }: Given, { stdout }: Terminal): Promise<number> {
  const [shell = ''] = args;
  const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
  if (script === undefined)
    throw new CommandLineError(`completion knows ${Object.keys(scripts).join(', ')}, but not "${shell}"`);
  stdout.write(script);
  return ownCodes.done;
}
