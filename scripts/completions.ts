/*
 * What shells complete on the command line.
 */
import { type CommandFacts, commandLine, type OptionFacts, type ValueKind } from './command-line.ts'

const note = '# Written by scripts/generate.ts: change the definitions in src/cli, not this file.'
const namesOf = ({ short, long }: OptionFacts) => (short === undefined ? [long] : [short, long])
const flags = (options: readonly OptionFacts[]) => options.flatMap(namesOf).join(' ')

/** For bash, without the help of the package bash-completion. */
export function bashCompletion(): string {
  const { program, commands } = commandLine()
  const all = [...program.options, ...commands.flatMap(({ options }) => options)]
  const names = (fits: (option: OptionFacts) => boolean) => [...new Set(all.filter(fits).flatMap(namesOf))]
  const withValue = names(({ value }) => value !== undefined)
  const withFile = names(({ kind }) => kind === 'file')
  const cases = commands.map(
    ({ name, options, argumentKind }) =>
      `    ${name}) options="$options ${flags(options)}"${argumentKind === 'directory' ? ' directories=yes' : ''} ;;`,
  )
  return `${note}
_runner() {
    local current=\${COMP_WORDS[COMP_CWORD]} command='' directories='' word i
    local options='-h --help ${flags(program.options)}'
    COMPREPLY=()
    case \${COMP_WORDS[COMP_CWORD - 1]} in
    ${withFile.join(' | ')})
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return ;;
    ${withValue.filter(name => !withFile.includes(name)).join(' | ')}) return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        case $word in
        ${withValue.join(' | ')}) ((i++)) ;;
        -*) ;;
        *) command=$word; break ;;
        esac
    done
    case $command in
${cases.join('\n')}
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W '${commands.map(({ name }) => name).join(' ')} help' -- "$current")
    elif [[ $command == help ]]; then
        mapfile -t COMPREPLY < <(compgen -W '${commands.map(({ name }) => name).join(' ')}' -- "$current")
    elif [[ -n $directories ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
    fi
}
complete -F _runner runner
`
}

/** For zsh. */
export function zshCompletion(): string {
  const { program, commands } = commandLine()
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
  const indent = (words: string[]) => words.map(word => `      ${word} \\`).join('\n')
  const cases = commands.map(
    command =>
      `    ${command.name})\n      _arguments -s $globals \\\n${indent([...command.options.flatMap(spec), ...argument(command)]).replace(/ \\$/, '')} ;;`,
  )
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
${commands.map(({ name, description }) => `    ${quoted(`${name}:${message(description)}`)}`).join('\n')}
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
  const { program, commands } = commandLine()
  const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const names = commands.map(({ name }) => name).join(' ')
  const none = `not __fish_seen_subcommand_from ${names} help`
  const option = ({ short, long, value, kind, description }: OptionFacts, when: string) =>
    [
      'complete -c runner',
      ...(when === '' ? [] : [`-n ${quoted(when)}`]),
      ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
      `-l ${long.slice(2)}`,
      ...(value === undefined ? [] : [kind === 'file' ? '-r -F' : '-x']),
      `-d ${quoted(description)}`,
    ].join(' ')
  return `${[
    note,
    'complete -c runner -f',
    "complete -c runner -s h -l help -d 'show the help'",
    ...program.options.map(facts => option(facts, '')),
    ...commands.map(
      ({ name, description }) => `complete -c runner -n ${quoted(none)} -a ${name} -d ${quoted(description)}`,
    ),
    `complete -c runner -n ${quoted(none)} -a help -d 'show the help of a command'`,
    `complete -c runner -n '__fish_seen_subcommand_from help' -a ${quoted(names)}`,
    ...commands.flatMap(({ name, options, argumentKind }) => {
      const when = `__fish_seen_subcommand_from ${name}`
      const folders = `complete -c runner -n ${quoted(when)} -a '(__fish_complete_directories)'`
      return [
        ...options.map(facts => option(facts, when)),
        ...(argumentKind === 'directory' ? [folders] : []),
      ]
    }),
  ].join('\n')}\n`
}
