/*
 * Completions of the command line, for three shells.
 */
import { topics } from '../src/cli/topics.ts'
import {
  type ArgumentFacts,
  type CommandFacts,
  type CommandLine,
  isGroup,
  type OptionFacts,
  ownOf,
  type ValueFacts,
} from './command-line.ts'

const note = '# Written by scripts/generate.ts: change the definitions in src/cli, not this file.'
const namesOf = ({ short, long }: OptionFacts) => (short === undefined ? [long] : [short, long])
const lastWord = ({ name }: CommandFacts) => name.slice(name.indexOf(' ') + 1)
const flags = (options: readonly OptionFacts[]) => options.flatMap(namesOf).join(' ')
const allOptions = ({ program, commands }: CommandLine) => [
  ...program.options,
  ...commands.flatMap(({ options }) => options),
]
/** The introductions that `runner help` has beside the help of commands. */
const topicNames = Object.keys(topics).join(' ')
/** The names of all options that take a value. */
const withValue = (line: CommandLine) => [
  ...new Set(
    allOptions(line)
      .filter(({ value }) => value !== undefined)
      .flatMap(namesOf),
  ),
]

/** For bash, without the help of the package bash-completion. */
export function bashCompletion(line: CommandLine): string {
  const { program, words, commands } = line
  const groups = words.filter(isGroup)
  const kindOf = ({ kind, choices }: ValueFacts) => (choices === undefined ? kind : `=${choices.join(',')}`)
  const placeOf = (argument: ArgumentFacts) => `${kindOf(argument)}${argument.repeats ? '*' : ''}`
  // Where several commands have an option, its values are of one kind.
  const byKind = Map.groupBy(withValue(line), name =>
    kindOf(allOptions(line).find(option => namesOf(option).includes(name))!),
  )
  const optionCases = [...byKind].map(([kind, names]) => `    ${names.join(' | ')}) kind='${kind}' ;;`)
  const alone = commands.filter(({ name }) => !groups.some(group => group.name === name))
  const cases = alone.map(({ name, options, arguments: all }) => {
    const kinds = all.map(placeOf).join(' ')
    return `    '${name}') options="$options ${flags(options)}"${kinds === '' ? '' : ` kinds='${kinds}'`} ;;`
  })
  const subcommands = groups.map(group => {
    const own = ownOf(group).map(({ options }) => ` options="$options ${flags(options)}"`)
    return `    ${group.name}) names='${group.commands.map(lastWord).join(' ')} help'${own.join('')} ;;`
  })
  return `${note}

# Completes a value of a kind, which runner knows, the shell, or this script: =one,other.
_runner_value() {
    local value program=\${COMP_WORDS[0]/#\\~\\//$HOME/}
    case $1 in
    '' | other) ;;
    file)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    directory)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    =*) mapfile -t COMPREPLY < <(compgen -W "\${1//[=,]/ }" -- "$current") ;;
    *)
        type -P "$program" >/dev/null || program=runner
        # Not by compgen -W, which would expand what a name has in it.
        while IFS=$'\\t' read -r value _; do
            [[ $value != "$current"* ]] || COMPREPLY+=("$(printf %q "$value")")
        done < <("$program" __complete "$1" -- "\${line[@]:1}" "$current" 2>/dev/null </dev/null) ;;
    esac
}

_runner() {
    local command='' group='' names='' kind='' kinds='' current previous word i position=0
    local options='-h --help ${flags(program.options)}' rest=\${COMP_LINE:0:COMP_POINT}
    local -a line=()
    COMPREPLY=()
    # bash splits words at = : and @, too: parts without a blank between them are one word.
    for word in "\${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ -n $rest && -n $word && $rest == "$word"* && \${#line[@]} -gt 0 ]]; then
            line[-1]+=$word
        elif [[ -z $rest && -z $word && \${line[-1]} == *[=:@] ]]; then
            :
        else
            line+=("$word")
            rest=\${rest#"\${rest%%[![:space:]]*}"}
        fi
        rest=\${rest#"$word"}
    done
    current=\${line[-1]} previous=\${line[-2]}
    unset 'line[-1]'
    if [[ $current == --*=* ]]; then
        previous=\${current%%=*} current=\${current#*=}
    fi
    for ((i = 1; i < \${#line[@]}; i++)); do
        word=\${line[i]}
        case $word in
        ${withValue(line).join(' | ')}) ((i++)) ;;
        -*) ;;
        *)
            if [[ -z $command ]]; then
                command=$word
                case $command in ${groups.map(({ name }) => name).join(' | ')}) group=$command ;; esac
            elif [[ -n $group ]]; then
                command="$command $word" group=''
            else
                ((position++))
            fi
            ;;
        esac
    done
    case $command in
    '') names='${words.map(({ name }) => name).join(' ')} help' ;;
    help) names='${topicNames} ${words.map(({ name }) => name).join(' ')}' ;;
${[...subcommands, ...cases].join('\n')}
    esac
    read -ra kinds <<<"$kinds"
    case $previous in
${optionCases.join('\n')}
    *)
        kind=\${kinds[position]:-}
        [[ -n $kind || \${kinds[*]: -1} != *'*' ]] || kind=\${kinds[*]: -1}
        ;;
    esac
    case $previous in
    ${withValue(line).join(' | ')}) _runner_value "$kind" ;;
    *)
        if [[ $current == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        elif [[ -n $names ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$names" -- "$current")
        else
            _runner_value "\${kind%'*'}"
        fi
        ;;
    esac
    # The part before the last = : or @ is on the line already.
    word=\${COMP_WORDS[COMP_CWORD]}
    [[ $word != [=:@] ]] || word=''
    [[ $current != *"$word" ]] || current=\${current%"$word"}
    COMPREPLY=("\${COMPREPLY[@]#"$current"}")
}
complete -F _runner runner
`
}

/** For zsh. */
export function zshCompletion({ program, words }: CommandLine): string {
  const action = ({ kind, choices = [] }: ValueFacts) => {
    if (kind === 'file') return '_files'
    if (kind === 'directory') return '_files -/'
    // With a blank before it, it is called as it stands.
    return kind === 'other' ? '' : kind === 'fixed' ? `(${choices.join(' ')})` : ` _runner_values ${kind}`
  }
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
  const message = (text: string) => text.replace(/[[\]:\\]/g, '\\$&')
  const spec = (option: OptionFacts) => {
    const { short, long, value, repeats, description } = option
    const rest = value === undefined ? '' : `:${value.slice(1, -1)}:${action(option)}`
    const star = repeats ? '*' : ''
    return (short === undefined ? [long] : [short, long]).map(name => {
      const others = repeats || short === undefined ? '' : `(${short} ${long})`
      const equals = value !== undefined && name.startsWith('--') ? '=' : ''
      return quoted(`${others}${star}${name}${equals}[${message(description)}]${rest}`)
    })
  }
  const argument = (facts: ArgumentFacts) =>
    quoted(`${facts.repeats ? '*' : ''}:${facts.name}:${action(facts)}`)
  const help = quoted('(-h --help)'.concat('{-h,--help}[help]')).replace('{-h,--help}', "'{-h,--help}'")
  const described = (name: string, description: string) => quoted(`${name}:${message(description)}`)
  const caseOf = (command: CommandFacts, name: string, margin: string) => {
    const specs = [...command.options.flatMap(spec), ...command.arguments.map(argument)]
    const lines = specs.map(word => `${margin}  ${word}`).join(' \\\n')
    return `${margin}${name})\n${margin}  _arguments -s $globals${lines === '' ? '' : ` \\\n${lines}`} ;;`
  }
  const cases = words.map(word => {
    if (!isGroup(word)) return caseOf(word, word.name, '    ')
    const names = word.commands.map(command => `        ${described(lastWord(command), command.description)}`)
    return `    ${word.name})
      local -a subcommands=(
${names.join('\n')}
      )
      if (( CURRENT == 2 )); then
        _describe -t commands command subcommands
${ownOf(word)
  .map(own => `        _arguments -s $globals ${own.options.flatMap(spec).join(' ')}\n`)
  .join('')}        return
      fi
      local subcommand=$words[2]
      shift words
      (( CURRENT-- ))
      case $subcommand in
${word.commands.map(command => caseOf(command, lastWord(command), '      ')).join('\n')}
      esac ;;`
  })
  return `#compdef runner
${note}

# Values of a kind that runner knows, with words about them.
_runner_values() {
  local value about
  local -a found
  while IFS=$'\\t' read -r value about; do
    found+=("\${value//:/\\\\:}\${about:+:$about}")
  done < <($_runner_line[1] __complete $1 -- "\${(@)_runner_line[2,-1]}" 2>/dev/null </dev/null)
  _describe -t $1 $1 found
}

_runner() {
  local curcontext=$curcontext state line
  local -a _runner_line=("\${(@Q)words[1,CURRENT-1]}" "\${(Q)words[CURRENT]}")
  typeset -A opt_args
  local -a globals commands topics
  globals=(
    ${help}
${program.options
  .flatMap(spec)
  .map(word => `    ${word}`)
  .join('\n')}
  )
  commands=(
${words.map(({ name, description }) => `    ${described(name, description)}`).join('\n')}
    'help:show the help of a command or a topic'
  )
  topics=(
${Object.entries(topics)
  .map(([name, { summary }]) => `    ${described(name, summary)}`)
  .join('\n')}
  )
  _arguments -s -C $globals '1: :->command' '*:: :->rest' && return
  case $state in
  command) _describe -t commands command commands ;;
  rest)
    curcontext="\${curcontext%:*:*}:runner-$line[1]:"
    case $line[1] in
${cases.join('\n')}
    help) _describe -t commands command commands -- topics ;;
    esac ;;
  esac
}
# Loaded by the completion system, or by source.
if [[ $funcstack[1] == _runner ]]; then _runner "$@"; else compdef _runner runner; fi
`
}

/** For fish. */
export function fishCompletion(line: CommandLine): string {
  const { program, words } = line
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const groups = words.filter(isGroup).map(({ name }) => name)
  const is = (name: string) => `__runner_is ${quoted(name)}`
  const values = ({ kind, choices = [] }: ValueFacts) => {
    if (kind === 'file') return '-F'
    if (kind === 'directory') return "-a '(__fish_complete_directories)'"
    if (kind === 'fixed') return `-a ${quoted(choices.join(' '))}`
    return kind === 'other' ? '' : `-a '(__runner_values ${kind})'`
  }
  const option = (facts: OptionFacts, when: string) => {
    const { short, long, value, kind, description } = facts
    return [
      'complete -c runner',
      ...(when === '' ? [] : [`-n ${quoted(when)}`]),
      ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
      `-l ${long.slice(2)}`,
      ...(value === undefined ? [] : [`${kind === 'file' ? '-r' : '-x'} ${values(facts)}`.trimEnd()]),
      `-d ${quoted(description)}`,
    ].join(' ')
  }
  const command = ({ name, options, arguments: all }: CommandFacts) => [
    ...options.map(facts => option(facts, is(name))),
    ...all.flatMap((argument, index) => {
      const what = values(argument)
      const place = `${index + 1}${argument.repeats ? ' more' : ''}`
      return what === '' ? [] : [`complete -c runner -n ${quoted(`${is(name)} ${place}`)} ${what}`]
    }),
  ]
  const word = (name: string, description: string, of: string) =>
    `complete -c runner -n ${quoted(is(of))} -a ${name} -d ${quoted(description)}`
  return `${note}

# Values of a kind that runner knows, with words about them.
function __runner_values
    set -l line (commandline -opc)
    command $line[1] __complete $argv[1] -- $line[2..] (commandline -ct) 2>/dev/null </dev/null
end

# Whether the line is of this command, and if a number is named, whether that argument of it is completed: this one, or
# this one and those after it.
function __runner_is -a command place more
    set -l words
    set -l line (commandline -opc)
    set -e line[1]
    while set -q line[1]
        if contains -- $line[1] ${withValue(line).join(' ')}
            set -e line[1]
        else if not string match -q -- '-*' $line[1]
            set -a words $line[1]
        end
        set -e line[1]
    end
    set -l name "$words[1]"
    set -e words[1]
    if contains -- "$name" ${groups.join(' ')}; and set -q words[1]
        set name "$name $words[1]"
        set -e words[1]
    end
    test "$name" = "$command"; or return 1
    test -z "$place"; and return
    set -l current (math (count $words) + 1)
    test $current -eq $place; or test -n "$more" -a $current -gt $place
end

${[
  'complete -c runner -f',
  "complete -c runner -s h -l help -d 'show the help'",
  ...program.options.map(facts => option(facts, '')),
  ...words.map(({ name, description }) => word(name, description, '')),
  word('help', 'show the help of a command or a topic', ''),
  ...Object.entries(topics).map(([name, { summary }]) => word(name, summary, 'help')),
  `complete -c runner -n ${quoted(is('help'))} -a ${quoted(words.map(({ name }) => name).join(' '))}`,
  ...words.flatMap(of => {
    if (!isGroup(of)) return command(of)
    const names = of.commands.map(one => word(lastWord(one), one.description, of.name))
    return [...ownOf(of).flatMap(command), ...names, ...of.commands.flatMap(command)]
  }),
].join('\n')}
`
}
