#!/usr/bin/env bash
# Types at the command line in a terminal, as a person does, and compares the screen: tmux has a shell in it that runs the built programs.
# `scripts/integration/terminal.sh bin`, after `make build`.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
bin=$(cd "${1:?the directory with the programs}" && pwd)
export PATH="$bin:$PATH"

# shellcheck source=scripts/processes.sh
source "$here/../processes.sh"

fail() {
    echo "terminal: $*" >&2
    tail -n 20 "$scratch"/*.log >&2 || true
    exit 1
}

command -v tmux >/dev/null || fail "tmux is missing; install it (Debian: tmux)"

enter_scratch
umask 077
cp "$here"/terminal/helpdesk.yaml .
start demo open-cli-eval demo-api
cat > .cli.json <<JSON
{
  "cli": "1.0.0",
  "mode": { "default": "discover" },
  "sources": { "helpdesk": { "type": "openapi", "uri": "helpdesk.yaml" } },
  "services": { "helpdesk": { "source": "helpdesk", "server": "$url" } },
  "policy": { "approvalRequired": ["helpdesk:close*"] }
}
JSON
start toolbox open-cli-toolbox --config .cli.json --addr 127.0.0.1:0 --instance-id terminal

# A server of its own, which ends with the script, and a shell with nothing of the person's.
export TMUX_TMPDIR=$scratch
terminal() { tmux -L terminal -f /dev/null "$@"; }
trap 'terminal kill-server 2>/dev/null || true; clean_up' EXIT
terminal new-session -d -s it -x 100 -y 40 \
    "env -i PATH='$PATH' HOME='$scratch' TERM=screen NO_COLOR=1 PS1='$ ' OPEN_CLI_RUNTIME_URL='$url' bash --norc --noprofile"

# What stands there, without what differs from run to run; the shell takes empty lines at the end away.
screen() { terminal capture-pane -p -t it | sed -e 's/[[:space:]]*$//' -e 's/^request: .*/request: ID/'; }

# Waits until the last line is the first argument, and the screen another one than the second.
until_last() {
    local now
    for _ in {1..200}; do
        now=$(screen)
        if [[ ${now##*$'\n'} == "$1" && $now != "${2-}" ]]; then return; fi
        sleep 0.05
    done
    fail "the last line is not '$1':
$now"
}

# types TEXT LAST: types a line, and waits for the last line of the screen that comes of it.
types() {
    local before
    before=$(screen)
    terminal send-keys -t it -l -- "$1"
    terminal send-keys -t it Enter
    until_last "$2" "$before"
}

# shows NAME: the screen is what standard input says; then it is cleared.
shows() {
    local expected
    expected=$(cat)
    if [[ $(screen) != "$expected" ]]; then
        fail "$1: the screen is not what it should be:
$(diff <(echo "$expected") <(screen) || true)"
    fi
    echo "$1: as it should be"
    terminal send-keys -t it -l -- 'clear'
    terminal send-keys -t it Enter
    for _ in {1..200}; do
        if [[ $(screen) == '$' ]]; then return; fi
        sleep 0.05
    done
    fail "the screen was not cleared: $(screen)"
}

until_last '$'

# What is missing is asked for, one thing after the other, and a secret is not shown.
types 'open-cli helpdesk tickets create --priority 2 --dry-run=http | tail -n 1 > sent' '>'
types '' '>'
types 'Printer on fire' '[open] >'
types 'opne' '[open] >'
types '2' '>'
types 'Y' '>'
types 'printer' '>'
types 'fire' '>'
types '' '>'
types 's3cret' '$'
shows 'questions and answers' <<'SCREEN'
$ open-cli helpdesk tickets create --priority 2 --dry-run=http | tail -n 1 > sent
helpdesk:createTicket needs 5 more values; Ctrl-D ends this, and nothing is sent
--title (TEXT)  What it is about
>
  that is no answer
> Printer on fire
--state (one of these, or its number)
  1) open
  2) closed
[open] > opne
  that is not one of open, closed; did you mean open?
[open] > 2
--urgent (y/n)
> Y
--labels (TEXT, one a line, an empty line ends them)
> printer
> fire
>
--pass (TEXT)  Yours, to sign it
>
$
SCREEN
sent='{"priority":2,"title":"Printer on fire","state":"closed","urgent":true,"labels":["printer","fire"],"pass":"s3cret"}'
[[ $(<sent) == "$sent" ]] || fail "this would have been sent: $(<sent)"

# Ctrl-D and Ctrl-C end it, and the terminal is as before.
types 'open-cli helpdesk tickets create state=open' '>'
terminal send-keys -t it C-d
until_last '$'
types 'echo $?' '$'
types 'open-cli helpdesk tickets create state=open' '>'
terminal send-keys -t it C-c
until_last '$'
types 'echo $?' '$'
shows 'Ctrl-D and Ctrl-C' <<'SCREEN'
$ open-cli helpdesk tickets create state=open
helpdesk:createTicket needs 4 more values; Ctrl-D ends this, and nothing is sent
--title (TEXT)  What it is about
>
error: ended without an answer; nothing was sent
hint: what is asked for can stand on the command line; --help says how
$ echo $?
2
$ open-cli helpdesk tickets create state=open
helpdesk:createTicket needs 4 more values; Ctrl-D ends this, and nothing is sent
--title (TEXT)  What it is about
> ^C
$ echo $?
130
$
SCREEN

# Where nothing is shown keys mean what they mean elsewhere, and afterwards everything is shown again.
types 'open-cli helpdesk tickets create title=x state=open urgent=true "labels[]=a" --dry-run=http | tail -n 1 > sent' '>'
terminal send-keys -t it -l -- 'wrong'
terminal send-keys -t it C-u
terminal send-keys -t it -l -- 's3crets'
terminal send-keys -t it BSpace Enter
until_last '$'
types 'open-cli helpdesk tickets create title=x state=open urgent=true "labels[]=a"' '>'
terminal send-keys -t it -l -- 's3cr'
terminal send-keys -t it C-c
until_last '$'
types 'echo $?, and shown' '$'
shows 'without echo' <<'SCREEN'
$ open-cli helpdesk tickets create title=x state=open urgent=true "labels[]=a" --dry-run=http | tail
 -n 1 > sent
helpdesk:createTicket needs 1 more value; Ctrl-D ends this, and nothing is sent
--pass (TEXT)  Yours, to sign it
>
$ open-cli helpdesk tickets create title=x state=open urgent=true "labels[]=a"
helpdesk:createTicket needs 1 more value; Ctrl-D ends this, and nothing is sent
--pass (TEXT)  Yours, to sign it
>
error: ended without an answer; nothing was sent
hint: what is asked for can stand on the command line; --help says how
$ echo $?, and shown
2, and shown
$
SCREEN
sent='{"title":"x","state":"open","urgent":true,"labels":["a"],"pass":"s3cret"}'
[[ $(<sent) == "$sent" ]] || fail "this would have been sent: $(<sent)"

# Whoever sits there may approve; without somebody to ask everything is as in a script.
types 'open-cli helpdesk tickets close T-9 --output seen' 'Approve? [y/N]'
types 'n' '$'
types 'open-cli helpdesk tickets close T-9 --output seen; ls seen' 'Approve? [y/N]'
types 'y' '$'
types 'open-cli helpdesk tickets close --no-input; echo $?' '$'
types 'open-cli helpdesk tickets close < /dev/null; echo $?' '$'
shows 'approval, and nobody' <<'SCREEN'
$ open-cli helpdesk tickets close T-9 --output seen
helpdesk:closeTicket needs approval: GET /echo/{ticketId}
  ticket-id: T-9
Approve? [y/N] n
error: approval_required: `helpdesk:closeTicket` runs only when a person has approved it
hint: repeat the command with --approval once a person has approved it
request: ID
$ open-cli helpdesk tickets close T-9 --output seen; ls seen
helpdesk:closeTicket needs approval: GET /echo/{ticketId}
  ticket-id: T-9
Approve? [y/N] y
seen
$ open-cli helpdesk tickets close --no-input; echo $?
error: helpdesk:closeTicket needs the argument ticket-id
hint: its arguments: <ticket-id>
2
$ open-cli helpdesk tickets close < /dev/null; echo $?
error: helpdesk:closeTicket needs the argument ticket-id
hint: its arguments: <ticket-id>
2
$
SCREEN
echo "terminal: every screen was what it should be"
