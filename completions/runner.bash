# Written by scripts/generate.ts: change the definitions in src/cli, not this file.
_runner() {
    local current=${COMP_WORDS[COMP_CWORD]} command='' directories='' word i
    local options='-h --help -c --config -v --verbose -q --quiet -V --version'
    COMPREPLY=()
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    -c | --config)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return ;;
    --task-dir)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
        return ;;
    -n | --times | --only | --from) return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        -c | --config | -n | --times | --only | --from | --task-dir) ((i++)) ;;
        -*) ;;
        *) command=$word; break ;;
        esac
    done
    case $command in
    run) options="$options -n --times -H --halt-after --only --from --dry-run --resume --wait --json --syslog --insecure-permissions" directories=yes ;;
    check) options="$options --effective --json --insecure-permissions" directories=yes ;;
    list) options="$options --json --insecure-permissions" directories=yes ;;
    get) options="$options --origin --require --json" ;;
    status) options="$options --wait --json --task-dir" ;;
    history) options="$options --json --task-dir" ;;
    logs) options="$options --hook -f --follow --verify --json --task-dir" ;;
    explain) options="$options --json --task-dir" ;;
    graph) options="$options --mermaid --json --insecure-permissions" directories=yes ;;
    esac
    if [[ $current == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    elif [[ -z $command ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'run check list get status history logs explain graph help' -- "$current")
    elif [[ $command == help ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'run check list get status history logs explain graph' -- "$current")
    elif [[ -n $directories ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
    fi
}
complete -F _runner runner
