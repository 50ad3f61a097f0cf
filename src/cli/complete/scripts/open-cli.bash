# Completion of open-cli for bash: source <(open-cli completion bash)
#
# The open-cli on the PATH is asked what fits. What it answers is data: it is put into the line, never run.

_open_cli() {
    local line settings
    COMPREPLY=()
    {
        IFS= read -r settings || return 0
        while IFS= read -r line; do COMPREPLY+=("$line"); done
    } < <(command open-cli __complete bash "${COMP_WORDBREAKS-}" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    # Bash before version 4 has no compopt; a space more or less is all the difference.
    if type compopt &>/dev/null; then
        if [[ $settings == *nospace* ]]; then compopt -o nospace; fi
        # The answer is quoted already.
        if [[ $settings == *filenames* ]]; then compopt -o filenames -o noquote; fi
    fi
    return 0
}

complete -F _open_cli open-cli
