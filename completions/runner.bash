# Written by scripts/generate.ts: change the definitions in src/cli, not this file.

# Completes a value of a kind, which runner knows, the shell, or this script: =one,other.
_runner_value() {
    local value program=${COMP_WORDS[0]/#\~\//$HOME/}
    case $1 in
    '' | other) ;;
    file)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    directory)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
    =*) mapfile -t COMPREPLY < <(compgen -W "${1//[=,]/ }" -- "$current") ;;
    *)
        type -P "$program" >/dev/null || program=runner
        # Not by compgen -W, which would expand what a name has in it.
        while IFS=$'\t' read -r value _; do
            [[ $value != "$current"* ]] || COMPREPLY+=("$(printf %q "$value")")
        done < <("$program" __complete "$1" -- "${line[@]:1}" "$current" 2>/dev/null </dev/null) ;;
    esac
}

_runner() {
    local command='' group='' names='' kind='' kinds='' current previous word i position=0
    local options='-h --help -c --config -v --verbose -q --quiet --insecure-permissions -V --version' rest=${COMP_LINE:0:COMP_POINT}
    local -a line=()
    COMPREPLY=()
    # bash splits words at = : and @, too: parts without a blank between them are one word.
    for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        if [[ -n $rest && -n $word && $rest == "$word"* && ${#line[@]} -gt 0 ]]; then
            line[-1]+=$word
        elif [[ -z $rest && -z $word && ${line[-1]} == *[=:@] ]]; then
            :
        else
            line+=("$word")
            rest=${rest#"${rest%%[![:space:]]*}"}
        fi
        rest=${rest#"$word"}
    done
    current=${line[-1]} previous=${line[-2]}
    unset 'line[-1]'
    if [[ $current == --*=* ]]; then
        previous=${current%%=*} current=${current#*=}
    fi
    for ((i = 1; i < ${#line[@]}; i++)); do
        word=${line[i]}
        case $word in
        -c | --config | -n | --times | --only | --from | --again | --task-dir | --offset | --server | --token-file | --ca-file | --cert-file | --key-file | --proxy | --svg | --namespace | --name | --file | --type | --input | --input-json | --secret | --output | --secret-output | --env | --image | --runner-group | --capability | --priority | --retries | --max-time | --max-queue | --abort-timeout | --notify | --expected | --abort-signal | --reuse | --retry-delay | --retry-backoff | --retry-max-delay | --retry-jitter | --retry-on | --retry-not-on | --concurrency | --queue-limit | --concurrency-key | --concurrency-limit | --cron | --every | --at | --time-zone | --jitter | --catch-up | --catch-up-window | --dst-gap | --dst-overlap | --starts-at | --ends-at | --blackout | --limit | --count | --since | --until | --state | --job | --node | --series | --group | --metadata | --capabilities | --taints | --names | --metadata-key | --uses | --expires-in | --out | --to | --token | --call | --object | --listen | --recipient | --identity | --pull | --repeat | --network) ((i++)) ;;
        -*) ;;
        *)
            if [[ -z $command ]]; then
                command=$word
                case $command in job | schedule | node | group | token | settings | notify | audit | server | plugin) group=$command ;; esac
            elif [[ -n $group ]]; then
                command="$command $word" group=''
            else
                ((position++))
            fi
            ;;
        esac
    done
    case $command in
    '') names='run check list graph get status history logs explain analyze submit job schedule ps show abort rerun page node group token whoami settings notify audit backup restore server attach drain doctor plugin completion help' ;;
    help) names='chain jobs schedules fleet run check list graph get status history logs explain analyze submit job schedule ps show abort rerun page node group token whoami settings notify audit backup restore server attach drain doctor plugin completion' ;;
    job) names='put list show stats delete run help' ;;
    schedule) names='list next missed pause resume help' ;;
    node) names='list enable disable delete undelete set taint untaint capacity help' ;;
    group) names='list mode leader pin unpin help' ;;
    token) names='create list revoke help' ;;
    settings) names='show put help' ;;
    notify) names='list targets test help' ;;
    audit) names='list verify help' ;;
    server) names='backup restore rekey move help' options="$options --listen --attach --insecure-http --json" ;;
    plugin) names='run help' ;;
    'run') options="$options -n --times -H --halt-after --only --from --again --dry-run --resume --wait --json --syslog" kinds='directory' ;;
    'check') options="$options --effective --json" kinds='directory' ;;
    'list') options="$options --json" kinds='directory' ;;
    'graph') options="$options --mermaid --json" kinds='directory' ;;
    'get') options="$options --origin --require --json" kinds='keys' ;;
    'status') options="$options --wait --json --task-dir" ;;
    'history') options="$options --json --task-dir" ;;
    'logs') options="$options --hook -f --follow --verify -t --timestamps --offset --task-dir --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='logs tasks' ;;
    'explain') options="$options --json --task-dir" kinds='runs' ;;
    'analyze') options="$options --critical-chain --blame --svg --json --task-dir" kinds='runs' ;;
    'submit') options="$options --wait --namespace --name --file --type --input --input-json --secret --output --secret-output --env --image --runner-group --capability --priority --retries --max-time --max-queue --abort-timeout --notify --expected --abort-signal --reuse --retry-delay --retry-backoff --retry-max-delay --retry-jitter --retry-on --retry-not-on --concurrency --queue-limit --concurrency-key --concurrency-limit --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='jobs' ;;
    'job put') options="$options --file --type --input --input-json --secret --output --secret-output --env --image --runner-group --capability --priority --retries --max-time --max-queue --abort-timeout --notify --expected --abort-signal --reuse --retry-delay --retry-backoff --retry-max-delay --retry-jitter --retry-on --retry-not-on --concurrency --queue-limit --concurrency-key --concurrency-limit --namespace --cron --every --at --time-zone --jitter --catch-up --catch-up-window --dst-gap --dst-overlap --starts-at --ends-at --blackout --no-schedule --disable-schedule --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='jobs other*' ;;
    'job list') options="$options --namespace --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'job show') options="$options --namespace --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='jobs' ;;
    'job stats') options="$options --namespace --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='jobs' ;;
    'job delete') options="$options --namespace --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='jobs' ;;
    'job run') options="$options --namespace --wait --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='jobs' ;;
    'schedule list') options="$options --namespace --limit --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'schedule next') options="$options --namespace --count --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='jobs' ;;
    'schedule missed') options="$options --namespace --limit --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='jobs' ;;
    'schedule pause') options="$options --namespace --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='jobs' ;;
    'schedule resume') options="$options --namespace --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='jobs' ;;
    'ps') options="$options -a --all --since --until --state --job --node --series --namespace --watch --limit --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'show') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='executions' ;;
    'abort') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='active*' ;;
    'rerun') options="$options --wait --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='executions' ;;
    'page') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'node list') options="$options --group --metadata --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'node enable') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='nodes' ;;
    'node disable') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='nodes' ;;
    'node delete') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='nodes' ;;
    'node undelete') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='nodes' ;;
    'node set') options="$options --group --capabilities --taints --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='nodes' ;;
    'node taint') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='nodes other*' ;;
    'node untaint') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='nodes other*' ;;
    'node capacity') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='nodes other' ;;
    'group list') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'group mode') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='groups =all,leader' ;;
    'group leader') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='groups' ;;
    'group pin') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='groups nodes' ;;
    'group unpin') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='groups' ;;
    'token create') options="$options --namespace --all-namespaces --group --capability --names --metadata-key --uses --expires-in --out --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='=admin,operator,submitter,viewer,registration other' ;;
    'token list') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'token revoke') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='tokens' ;;
    'whoami') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'settings show') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'settings put') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='file' ;;
    'notify list') options="$options --state --to --namespace --limit --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'notify targets') options="$options --namespace --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'notify test') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='targets' ;;
    'audit list') options="$options --since --until --token --call --namespace --object --limit --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'audit verify') options="$options --server --token-file --ca-file --cert-file --key-file --proxy --json" ;;
    'backup') options="$options --namespace --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='file' ;;
    'restore') options="$options --namespace --server --token-file --ca-file --cert-file --key-file --proxy --json" kinds='file' ;;
    'server backup') options="$options --with-tokens --recipient --json" kinds='file' ;;
    'server restore') options="$options --identity --json" kinds='file' ;;
    'server rekey') options="$options --json" ;;
    'server move') options="$options --to --undo --json" ;;
    'attach') options="$options --server --token-file --name --new-identity --json" ;;
    'drain') options="$options --wait --json" ;;
    'doctor') options="$options --server --token-file --json" ;;
    'plugin run') options="$options --file --type --input --input-json --secret --output --secret-output --env --plain --max-time --abort-timeout --abort-signal --pull --repeat --network --json" kinds='other other*' ;;
    'completion') options="$options " kinds='=bash,zsh,fish' ;;
    esac
    read -ra kinds <<<"$kinds"
    case $previous in
    -c | --config | --token-file | --ca-file | --cert-file | --key-file | --svg | --file | --out | --recipient | --identity) kind='file' ;;
    -n | --times | --offset | --server | --proxy | --type | --input | --input-json | --secret | --output | --secret-output | --env | --image | --capability | --priority | --retries | --max-time | --max-queue | --abort-timeout | --expected | --retry-delay | --retry-backoff | --retry-max-delay | --retry-jitter | --retry-on | --retry-not-on | --queue-limit | --concurrency-limit | --cron | --every | --at | --jitter | --catch-up-window | --starts-at | --ends-at | --blackout | --limit | --count | --since | --until | --metadata | --capabilities | --taints | --names | --uses | --expires-in | --object | --listen | --repeat | --network) kind='other' ;;
    --only | --from | --again) kind='tasks' ;;
    --task-dir) kind='directory' ;;
    --namespace) kind='namespaces' ;;
    --name | --job) kind='jobs' ;;
    --runner-group | --group) kind='groups' ;;
    --notify | --to) kind='targets' ;;
    --abort-signal) kind='=SIGHUP,SIGINT,SIGQUIT,SIGILL,SIGTRAP,SIGABRT,SIGIOT,SIGBUS,SIGFPE,SIGKILL,SIGUSR1,SIGSEGV,SIGUSR2,SIGPIPE,SIGALRM,SIGTERM,SIGCHLD,SIGSTKFLT,SIGCONT,SIGSTOP,SIGTSTP,SIGTTIN,SIGTTOU,SIGURG,SIGXCPU,SIGXFSZ,SIGVTALRM,SIGPROF,SIGWINCH,SIGIO,SIGPOLL,SIGPWR,SIGSYS' ;;
    --reuse) kind='=domain,job,never' ;;
    --concurrency) kind='=allow,forbid,queue,replace' ;;
    --concurrency-key | --metadata-key) kind='keys' ;;
    --time-zone) kind='zones' ;;
    --catch-up) kind='=none,last,all' ;;
    --dst-gap) kind='=run,skip' ;;
    --dst-overlap) kind='=first,last,both' ;;
    --state) kind='states' ;;
    --node) kind='nodes' ;;
    --series) kind='executions' ;;
    --token) kind='tokens' ;;
    --call) kind='=register,commands,reserve,confirm,heartbeat,appendLog,result,leave,putJob,postJob,listJobs,getJob,jobStats,listJobStats,deleteJob,restore,runJob,submit,listExecutions,getExecution,readLog,logTimes,abort,rerun,busy,script,listSchedules,nextTimes,listMissed,pauseJob,resumeJob,pauseAll,resumeAll,listRunners,getRunner,availability,stats,patchRunner,deleteRunner,listGroups,getGroup,patchGroup,createToken,listTokens,revokeToken,getSettings,putSettings,listAudit,listNotifications,listNotifyTargets,testNotify,openBrowserSession,getBrowserSession,endBrowserSession,listBrowserSessions,revokeBrowserSession,createBrowserCode,signInWays,startOidc,finishOidc,whoami,events,health,metrics,openapi' ;;
    --pull) kind='=missing,always,never' ;;
    *)
        kind=${kinds[position]:-}
        [[ -n $kind || ${kinds[*]: -1} != *'*' ]] || kind=${kinds[*]: -1}
        ;;
    esac
    case $previous in
    -c | --config | -n | --times | --only | --from | --again | --task-dir | --offset | --server | --token-file | --ca-file | --cert-file | --key-file | --proxy | --svg | --namespace | --name | --file | --type | --input | --input-json | --secret | --output | --secret-output | --env | --image | --runner-group | --capability | --priority | --retries | --max-time | --max-queue | --abort-timeout | --notify | --expected | --abort-signal | --reuse | --retry-delay | --retry-backoff | --retry-max-delay | --retry-jitter | --retry-on | --retry-not-on | --concurrency | --queue-limit | --concurrency-key | --concurrency-limit | --cron | --every | --at | --time-zone | --jitter | --catch-up | --catch-up-window | --dst-gap | --dst-overlap | --starts-at | --ends-at | --blackout | --limit | --count | --since | --until | --state | --job | --node | --series | --group | --metadata | --capabilities | --taints | --names | --metadata-key | --uses | --expires-in | --out | --to | --token | --call | --object | --listen | --recipient | --identity | --pull | --repeat | --network) _runner_value "$kind" ;;
    *)
        if [[ $current == -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        elif [[ -n $names ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$names" -- "$current")
        else
            _runner_value "${kind%'*'}"
        fi
        ;;
    esac
    # The part before the last = : or @ is on the line already.
    word=${COMP_WORDS[COMP_CWORD]}
    [[ $word != [=:@] ]] || word=''
    [[ $current != *"$word" ]] || current=${current%"$word"}
    COMPREPLY=("${COMPREPLY[@]#"$current"}")
}
complete -F _runner runner
