"""Types command lines into bash, zsh and fish, each on a terminal of its own, presses the tab key, and compares what becomes of the line.

Run by `shells.sh` in a scratch directory whose cached catalog is that of `shop.yaml`.
"""

import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import fcntl
import time

# How long a shell may take for one answer; the whole run takes seconds.
LIMIT = 20
READY = "ready-for-the-next"

SETUP = {
    "bash": [
        "bind 'set bell-style none'; bind 'set completion-query-items 0'; bind 'set page-completions off'",
        "bind 'set enable-bracketed-paste off'; bind 'set show-all-if-ambiguous on'",
        "line_is() { printf '\\n@@{%s}@@\\n' \"$READLINE_LINE\"; }; bind -x '\"\\C-xd\": line_is'",
        "source <(open-cli completion bash)",
    ],
    "zsh": [
        "unsetopt beep prompt_sp prompt_cr; autoload -Uz compinit; compinit -u -D; LISTMAX=1000",
        "line-is() { zle -M -- \"@@{$BUFFER}@@\" }; zle -N line-is; bindkey -e; bindkey '^Xd' line-is",
        "source <(open-cli completion zsh)",
    ],
    "fish": [
        "function line_is; printf '\\n@@{%s}@@\\n' (commandline | string collect); commandline -f repaint; end; bind \\cxd line_is",
        "open-cli completion fish | source",
    ],
}
# The script as a file that zsh finds itself.
SETUP["zsh with fpath"] = [
    "mkdir -p functions; open-cli completion zsh > functions/_open-cli; fpath=($PWD/functions $fpath)",
    *SETUP["zsh"][:2],
]
START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "zsh with fpath": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}

checks = 0
failures = []


class Shell:
    def __init__(self, name):
        # Which shell it is, however it was set up.
        self.name = name.split()[0]
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", PS1="$ ", LC_ALL="C.UTF-8")
            os.execvp(START[name][0], START[name])
        # Wide, so that no line is broken.
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 400, 0, 0))
        for command in SETUP[name]:
            self.command(command)

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)

    def send(self, text):
        os.write(self.terminal, text.encode())

    def until(self, pattern):
        """What the shell writes, up to the pattern."""
        text, end = "", time.monotonic() + LIMIT
        while not re.search(pattern, text, re.S):
            ready, _, _ = select.select([self.terminal], [], [], max(0, end - time.monotonic()))
            if not ready:
                sys.exit(f"shells: {self.name} wrote no {pattern!r} within {LIMIT} s, but {text!r}")
            try:
                text += os.read(self.terminal, 65536).decode(errors="replace")
            except OSError:
                sys.exit(f"shells: {self.name} ended after {text!r}")
        return text

    def command(self, command):
        # The mark is put together by the shell, so that its echo is none.
        self.send(f"{command}\r")
        half = len(READY) // 2
        self.send(f"printf '%s%s\\n' {READY[:half]} {READY[half:]}\r")
        self.until(READY)

    def press(self, typed, keys="\t"):
        """The line after keys, and what was shown on the way."""
        self.send("\x05\x15" if self.name != "zsh" else "\x15")
        self.send(typed + keys + "\x18d")
        shown = self.until(r"@@\{.*\}@@")
        line = re.search(r"@@\{(.*)\}@@", shown, re.S).group(1)
        return line.replace("\r", ""), shown


def plain(shown):
    """Text without what moves the cursor or colours it."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>()][0B]?", "", shown)


def expect(shell, what, found, wanted):
    global checks
    checks += 1
    if found != wanted:
        failures.append(f"{shell.name}: {what!r}: {found!r} instead of {wanted!r}")


class Case:
    """What becomes of a line in each shell: one text for all of them, or one for each."""

    def __init__(self, typed, wanted, **others):
        self.typed, self.wanted, self.others = typed, wanted, others


CASES = [
    Case("open-cli sho", "open-cli shop "),
    Case("open-cli cata", "open-cli catalog "),
    Case("open-cli comple", "open-cli completion "),
    Case("open-cli completion fi", "open-cli completion fish "),
    Case("open-cli --format ya", "open-cli --format yaml "),
    Case("open-cli --format=ya", "open-cli --format=yaml "),
    Case("open-cli --format json sho", "open-cli --format json shop "),
    Case("open-cli --agent-profile cl", "open-cli --agent-profile clerk "),
    Case("open-cli shop it", "open-cli shop items "),
    Case("open-cli shop --quiet items cre", "open-cli shop --quiet items create-item "),
    Case("open-cli --agent-profile clerk shop items l", "open-cli --agent-profile clerk shop items l"),
    Case("open-cli --agent-profile clerk shop items cr", "open-cli --agent-profile clerk shop items cr"),
    Case("open-cli shop items list-items --archived=t", "open-cli shop items list-items --archived=true "),
    Case("open-cli shop items list-items --arch", "open-cli shop items list-items --archived "),
    Case("open-cli shop items list-items --archived --arch", "open-cli shop items list-items --archived --arch"),
    Case("open-cli shop items list-items --label ur", "open-cli shop items list-items --label urgent "),
    Case("open-cli shop items list-items --state=op", "open-cli shop items list-items --state=open "),
    Case("open-cli shop items list-items --state a", "open-cli shop items list-items --state a\\ b "),
    Case("open-cli shop items list-items --state='a", "open-cli shop items list-items --state='a b' ",
         zsh="open-cli shop items list-items --state=a\\ b "),
    Case("open-cli shop items list-items --state \"a", "open-cli shop items list-items --state \"a b\" "),
    Case("open-cli shop items list-items --state it", "open-cli shop items list-items --state it\\'s "),
    Case("open-cli shop items list-items --state back", "open-cli shop items list-items --state back\\\\slash "),
    Case("open-cli shop items list-items --state \\$", "open-cli shop items list-items --state \\$\\(touch\\ pwned\\) "),
    Case("open-cli shop items list-items --state \\`", "open-cli shop items list-items --state \\`touch\\ pwned\\` ",
         fish="open-cli shop items list-items --state \\`touch\\ pwned` "),
    Case("open-cli shop items list-items --state z", "open-cli shop items list-items --state z\\;touch\\ pwned "),
    Case("open-cli shop items list-items --state pre", "open-cli shop items list-items --state pre:fix:one "),
    Case("open-cli shop items list-items --state pre:fi", "open-cli shop items list-items --state pre:fix:one "),
    Case("open-cli shop items list-items --state=pre:fi", "open-cli shop items list-items --state=pre:fix:one "),
    Case("open-cli shop items list-items --dry-run=cu", "open-cli shop items list-items --dry-run=curl "),
    Case("open-cli shop items set-picture sm", "open-cli shop items set-picture small "),
    Case("open-cli shop items set-picture -- sm", "open-cli shop items set-picture -- small "),
    Case("open-cli shop items set-picture -- --form", "open-cli shop items set-picture -- --form"),
    Case("open-cli shop items set-picture small --file fro", "open-cli shop items set-picture small --file front="),
    Case("open-cli shop items set-picture small --file front=files/on",
         "open-cli shop items set-picture small --file front=files/one.json "),
    Case("open-cli tool schema sh:list", "open-cli tool schema sh:listItems "),
    Case("open-cli tool schema shop items set", "open-cli tool schema shop items set-picture "),
    Case("open-cli explain sh:show:st", "open-cli explain sh:show:status "),
    Case("open-cli catalog list --safety des", "open-cli catalog list --safety destructive "),
    Case("open-cli catalog list --service sho", "open-cli catalog list --service shop "),
    Case("open-cli audit list --tool sh:crea", "open-cli audit list --tool sh:createItem "),
    Case("open-cli help catalog do", "open-cli help catalog doctor "),
    Case("open-cli --config files/on", "open-cli --config files/one.json "),
    Case("open-cli --config=files/on", "open-cli --config=files/one.json "),
    Case("open-cli --config files/tw", "open-cli --config files/two\\ words.json "),
    Case("open-cli --config ~/files/on", "open-cli --config ~/files/one.json "),
    Case("open-cli --config files/oth", "open-cli --config files/other/"),
    Case("open-cli --state-dir files/a", "open-cli --state-dir files/a\\ directory/"),
    Case("open-cli --state-dir files/on", "open-cli --state-dir files/on"),
    Case("open-cli shop items create-item --body @files/on", "open-cli shop items create-item --body @files/one.json "),
    Case("open-cli shop items create-item --body=@files/tw",
         "open-cli shop items create-item --body=@files/two\\ words.json "),
    Case("open-cli shop items create-item title=@files/on", "open-cli shop items create-item title=@files/one.json "),
    Case("open-cli shop items create-item --output files/it", "open-cli shop items create-item --output files/it\\'s.json "),
    Case("open-cli --agent-profile 'clerk' shop it", "open-cli --agent-profile 'clerk' shop items "),
    Case("open-cli --agent-profile \"clerk\" shop items lis", "open-cli --agent-profile \"clerk\" shop items list-items "),
    Case("open-cli --config 'files/two words.json' comp", "open-cli --config 'files/two words.json' completion "),
    Case("open-cli $(touch pwned) comp", "open-cli $(touch pwned) comp"),
    Case("open-cli --config \"$(touch pwned)\" comp", "open-cli --config \"$(touch pwned)\" completion "),
    Case("open-cli shop items create-item title=é --output files/on",
         "open-cli shop items create-item title=é --output files/one.json "),
    Case("open-cli nothing-of-that-name wh", "open-cli nothing-of-that-name wh"),
    Case("open-cli --format wrong sho", "open-cli --format wrong sho"),
    Case("open-cli --config files/broken.json sho", "open-cli --config files/broken.json sho"),
    Case("FOO=1 open-cli sho", "FOO=1 open-cli shop "),
    Case("true; open-cli sho", "true; open-cli shop "),
]


def in_every_shell(shell):
    for case in CASES:
        line, _ = shell.press(case.typed)
        expect(shell, case.typed, line, case.others.get(shell.name, case.wanted))
    # With the cursor in the middle: the rest of the line stays.
    back = "\x1b[D" * len(" --quiet")
    line, _ = shell.press("open-cli sho --quiet", back + "\t")
    expect(shell, "the cursor in the middle", " ".join(line.split()), "open-cli shop --quiet")
    lists(shell)


def lists(shell):
    """What is shown where several things fit."""
    _, shown = shell.press("open-cli shop items ", "\t\t")
    text = plain(shown)
    for word in ["list-items", "ls", "create-item", "set-picture"]:
        expect(shell, f"{word} is shown", word in text, True)
    expect(shell, "explanations are shown", "Puts an item on the shelf" in text, shell.name != "bash")
    expect(shell, "no escape of the catalog is written", "]0;title\x07" in shown, False)
    _, shown = shell.press("open-cli ", "\t\t")
    text = plain(shown)
    for word in ["shop", "catalog", "help", "config"]:
        expect(shell, f"{word} is shown", word in text, True)
    expect(shell, "what is hidden is not shown", "__complete" in text, False)


def main():
    with open("files/broken.json", "w", encoding="utf-8") as file:
        file.write("{")
    for name in START:
        shell = Shell(name)
        try:
            in_every_shell(shell)
        finally:
            shell.end()
    for failure in failures:
        print(f"shells: {failure}", file=sys.stderr)
    if failures:
        sys.exit(1)
    print(f"shells: {checks} lines in {', '.join(START)} became what they should")


main()
