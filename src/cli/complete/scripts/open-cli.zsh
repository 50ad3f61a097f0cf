#compdef open-cli
# Completion of open-cli for zsh: source <(open-cli completion zsh), after compinit; or this text as the file _open-cli in a directory
# of fpath.
#
# The open-cli on the PATH is asked what fits. What it answers is data: it is put into the line, never run.

_open-cli() {
    local -a lines words_before spaced joined
    local before found=1
    if ((CURRENT > 2)); then words_before=("${(@Q)words[2,CURRENT-1]}"); fi
    lines=("${(@f)$(command open-cli __complete zsh "${words_before[@]}" "${(Q)PREFIX}" 2>/dev/null)}")
    spaced=("${(@)${(@M)lines:#w*}#w}")
    joined=("${(@)${(@M)lines:#p*}#p}")
    if ((${#spaced})); then _describe -t values open-cli spaced && found=0; fi
    if ((${#joined})); then _describe -t values open-cli joined -S '' && found=0; fi
    lines=("${(@M)lines:#[fd]*}")
    if ((${#lines})); then
        before=${lines[1]#[fd]}
        if [[ -z $before ]] || compset -P "${(b)before}"; then
            if [[ $lines[1] == d* ]]; then _path_files -/ && found=0; else _files && found=0; fi
        fi
    fi
    return found
}

# As a file of fpath it is run to complete something; sourced, it only says that it can.
if [[ $funcstack[1] == _open-cli ]]; then
    _open-cli "$@"
elif (($+functions[compdef])); then
    compdef _open-cli open-cli
fi
