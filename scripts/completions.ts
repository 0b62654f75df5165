/*
 * What shells complete on the command line.
 */
import {
  type CommandFacts,
  commandLine,
  isGroup,
  type OptionFacts,
  ownOf,
  type ValueKind,
} from './command-line.ts'

const note = '# Written by scripts/generate.ts: change the definitions in src/cli, not this file.'
const namesOf = ({ short, long }: OptionFacts) => (short === undefined ? [long] : [short, long])
const lastWord = ({ name }: CommandFacts) => name.slice(name.indexOf(' ') + 1)
const flags = (options: readonly OptionFacts[]) => options.flatMap(namesOf).join(' ')

/** For bash, without the help of the package bash-completion. */
export function bashCompletion(): string {
  const { program, words, commands } = commandLine()
  const groups = words.filter(isGroup)
  const all = [...program.options, ...commands.flatMap(({ options }) => options)]
  const names = (fits: (option: OptionFacts) => boolean) => [...new Set(all.filter(fits).flatMap(namesOf))]
  const withValue = names(({ value }) => value !== undefined)
  const withFile = names(({ kind }) => kind === 'file')
  const withDirectory = names(({ kind }) => kind === 'directory')
  const withOther = withValue.filter(name => ![...withFile, ...withDirectory].includes(name))
  const alone = commands.filter(({ name }) => !groups.some(group => group.name === name))
  const cases = alone.map(
    ({ name, options, argumentKind }) =>
      `    '${name}') options="$options ${flags(options)}"${argumentKind === 'other' ? '' : ` names=-${argumentKind[0]}`} ;;`,
  )
  const subcommands = groups.map(group => {
    const own = ownOf(group).map(({ options }) => ` options="$options ${flags(options)}"`)
    return `    ${group.name}) words='${group.commands.map(lastWord).join(' ')} help'${own.join('')} ;;`
  })
  return `${note}
_runner() {
    local current=\${COMP_WORDS[COMP_CWORD]} command='' names='' words='' word i
    local options='-h --help ${flags(program.options)}'
    COMPREPLY=()
    case \${COMP_WORDS[COMP_CWORD - 1]} in
    ${withFile.join(' | ')})
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return ;;
    ${withDirectory.join(' | ')})
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
        return ;;
    ${withOther.join(' | ')}) return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        case $word in
        ${withValue.join(' | ')}) ((i++)) ;;
        -*) ;;
        *)
            [[ -z $command ]] || { command="$command $word"; break; }
            command=$word
            case $command in ${groups.map(({ name }) => name).join(' | ')}) ;; *) break ;; esac
            ;;
        esac
    done
    case $command in
    '') words='${words.map(({ name }) => name).join(' ')} help' ;;
    help) words='${words.map(({ name }) => name).join(' ')}' ;;
${[...subcommands, ...cases].join('\n')}
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [[ -n $words ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    elif [[ -n $names ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen "$names" -- "$current")
    fi
}
complete -F _runner runner
`
}

/** For zsh. */
export function zshCompletion(): string {
  const { program, words } = commandLine()
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
  const message = (text: string) => text.replace(/[[\]:\\]/g, '\\$&')
  const actions: Record<ValueKind, string> = { file: '_files', directory: '_files -/', other: '' }
  const spec = (option: OptionFacts) => {
    const { short, long, value, kind, repeats, description } = option
    const rest = value === undefined ? '' : `:${value.slice(1, -1)}:${actions[kind]}`
    const star = repeats ? '*' : ''
    return (short === undefined ? [long] : [short, long]).map(name => {
      const others = repeats || short === undefined ? '' : `(${short} ${long})`
      return quoted(`${others}${star}${name}[${message(description)}]${rest}`)
    })
  }
  const argument = ({ argumentKind, arguments: [name] }: CommandFacts) =>
    name === undefined ? [] : [quoted(`:${name.slice(1, -1)}:${actions[argumentKind]}`)]
  const help = quoted('(-h --help)'.concat('{-h,--help}[help]')).replace('{-h,--help}', "'{-h,--help}'")
  const described = (name: string, description: string) => quoted(`${name}:${message(description)}`)
  const caseOf = (command: CommandFacts, name: string, margin: string) => {
    const specs = [...command.options.flatMap(spec), ...argument(command)]
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
_runner() {
  local curcontext=$curcontext state line
  typeset -A opt_args
  local -a globals commands
  globals=(
    ${help}
${program.options
  .flatMap(spec)
  .map(word => `    ${word}`)
  .join('\n')}
  )
  commands=(
${words.map(({ name, description }) => `    ${described(name, description)}`).join('\n')}
    'help:show the help of a command'
  )
  _arguments -s -C $globals '1: :->command' '*:: :->rest' && return
  case $state in
  command) _describe -t commands command commands ;;
  rest)
    curcontext="\${curcontext%:*:*}:runner-$line[1]:"
    case $line[1] in
${cases.join('\n')}
    help) _describe -t commands command commands ;;
    esac ;;
  esac
}
_runner "$@"
`
}

/** For fish. */
export function fishCompletion(): string {
  const { program, words } = commandLine()
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const names = words.map(({ name }) => name).join(' ')
  const none = `not __fish_seen_subcommand_from ${names} help`
  const values: Record<ValueKind, string> = {
    file: '-r -F',
    directory: "-x -a '(__fish_complete_directories)'",
    other: '-x',
  }
  const option = ({ short, long, value, kind, description }: OptionFacts, when: string) =>
    [
      'complete -c runner',
      ...(when === '' ? [] : [`-n ${quoted(when)}`]),
      ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
      `-l ${long.slice(2)}`,
      ...(value === undefined ? [] : [values[kind]]),
      `-d ${quoted(description)}`,
    ].join(' ')
  const command = ({ options, argumentKind }: CommandFacts, when: string) => {
    const what = { directory: "-a '(__fish_complete_directories)'", file: '-F', other: '' }[argumentKind]
    return [
      ...options.map(facts => option(facts, when)),
      ...(what === '' ? [] : [`complete -c runner -n ${quoted(when)} ${what}`]),
    ]
  }
  return `${[
    note,
    'complete -c runner -f',
    "complete -c runner -s h -l help -d 'show the help'",
    ...program.options.map(facts => option(facts, '')),
    ...words.map(
      ({ name, description }) => `complete -c runner -n ${quoted(none)} -a ${name} -d ${quoted(description)}`,
    ),
    `complete -c runner -n ${quoted(none)} -a help -d 'show the help of a command'`,
    `complete -c runner -n '__fish_seen_subcommand_from help' -a ${quoted(names)}`,
    ...words.flatMap(word => {
      const when = `__fish_seen_subcommand_from ${word.name}`
      if (!isGroup(word)) return command(word, when)
      const none = `${when}; and not __fish_seen_subcommand_from ${word.commands.map(lastWord).join(' ')}`
      const own = ownOf(word).flatMap(one => command(one, when))
      const all = word.commands.flatMap(one => [
        `complete -c runner -n ${quoted(none)} -a ${lastWord(one)} -d ${quoted(one.description)}`,
        ...command(one, `${when}; and __fish_seen_subcommand_from ${lastWord(one)}`),
      ])
      return [...own, ...all]
    }),
  ].join('\n')}\n`
}
