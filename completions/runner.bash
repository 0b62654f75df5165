# Written by scripts/generate.ts: change the definitions in src/cli, not this file.
_runner() {
    local current=${COMP_WORDS[COMP_CWORD]} command='' names='' words='' word i
    local options='-h --help -c --config -v --verbose -q --quiet --insecure-permissions -V --version'
    COMPREPLY=()
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    -c | --config | --file | --token-file | --ca-file | --cert-file | --key-file | --out)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return ;;
    --task-dir)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$current")
        return ;;
    -n | --times | --only | --from | --type | --input | --input-json | --secret | --output | --secret-output | --env | --max-time | --abort-timeout | --abort-signal | --pull | --network | --listen | --server | --image | --runner-group | --capability | --priority | --retries | --max-queue | --reuse | --concurrency | --proxy | --name | --state | --job | --runner | --group | --limit | --offset | --expires-in) return ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        -c | --config | -n | --times | --only | --from | --task-dir | --file | --type | --input | --input-json | --secret | --output | --secret-output | --env | --max-time | --abort-timeout | --abort-signal | --pull | --network | --listen | --server | --token-file | --image | --runner-group | --capability | --priority | --retries | --max-queue | --reuse | --concurrency | --ca-file | --cert-file | --key-file | --proxy | --name | --state | --job | --runner | --group | --limit | --offset | --expires-in | --out) ((i++)) ;;
        -*) ;;
        *)
            [[ -z $command ]] || { command="$command $word"; break; }
            command=$word
            case $command in plugin | server | job | runners | groups | token) ;; *) break ;; esac
            ;;
        esac
    done
    case $command in
    '') words='run check list get status history logs explain graph plugin server attach drain doctor job submit executions log abort rerun busy runners groups token backup restore help' ;;
    help) words='run check list get status history logs explain graph plugin server attach drain doctor job submit executions log abort rerun busy runners groups token backup restore' ;;
    plugin) words='run help' ;;
    server) words='backup restore help' options="$options --listen --attach --insecure-http" ;;
    job) words='put list show delete run help' ;;
    runners) words='list enable disable delete undelete taint untaint capacity help' ;;
    groups) words='list mode leader pin unpin help' ;;
    token) words='create list revoke help' ;;
    'run') options="$options -n --times -H --halt-after --only --from --dry-run --resume --wait --json --syslog" names=-d ;;
    'check') options="$options --effective --json" names=-d ;;
    'list') options="$options --json" names=-d ;;
    'get') options="$options --origin --require --json" ;;
    'status') options="$options --wait --json --task-dir" ;;
    'history') options="$options --json --task-dir" ;;
    'logs') options="$options --hook -f --follow --verify --json --task-dir" ;;
    'explain') options="$options --json --task-dir" ;;
    'graph') options="$options --mermaid --json" names=-d ;;
    'plugin run') options="$options --file --type --input --input-json --secret --output --secret-output --env --plain --max-time --abort-timeout --abort-signal --pull --network --json" ;;
    'server backup') options="$options " names=-f ;;
    'server restore') options="$options " names=-f ;;
    'attach') options="$options --server --token-file --new-identity --json" ;;
    'drain') options="$options --wait --json" ;;
    'doctor') options="$options --server --token-file --json" ;;
    'job put') options="$options --file --type --input --input-json --secret --output --secret-output --env --image --runner-group --capability --priority --retries --max-time --max-queue --abort-timeout --abort-signal --reuse --concurrency --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'job list') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'job show') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'job delete') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'job run') options="$options --wait --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'submit') options="$options --wait --name --file --type --input --input-json --secret --output --secret-output --env --image --runner-group --capability --priority --retries --max-time --max-queue --abort-timeout --abort-signal --reuse --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'executions') options="$options --state --job --runner --group --limit --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'log') options="$options -f --follow --offset --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'abort') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'rerun') options="$options --wait --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'busy') options="$options --watch --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'runners list') options="$options --group --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'runners enable') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'runners disable') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'runners delete') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'runners undelete') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'runners taint') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'runners untaint') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'runners capacity') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'groups list') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'groups mode') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'groups leader') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'groups pin') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'groups unpin') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'token create') options="$options --expires-in --out --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'token list') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'token revoke') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'backup') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" names=-f ;;
    'restore') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" names=-f ;;
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
