# Completion of open-cli for fish: open-cli completion fish | source
#
# The open-cli on the PATH is asked what fits. What it answers is data: it is put into the line, never run.

function __open_cli_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l current (commandline -ct)
    set -l lines (command open-cli __complete fish $words "$current" 2>/dev/null)
    string match -r '^[wp]' -- $lines >/dev/null
    and string replace -rf '^[wp]' '' -- $lines
    set -l files (string match -r '^[fd].*' -- $lines)
    if set -q files[1]
        set -l before (string sub -s 2 -- "$files[1]")
        set -l length (string length -- "$before")
        if test "$(string sub -l $length -- "$current")" = "$before"
            set -l rest (string sub -s (math $length + 1) -- "$current")
            # A command that is not there is completed with files alone.
            set -l paths (complete -C"__open_cli_no_such_command $rest")
            if string match -q 'd*' -- "$files[1]"
                set paths (string match -r '^[^\t]*/(?:\t.*)?$' -- $paths)
            end
            for path in $paths
                printf '%s\n' "$before$path"
            end
        end
    end
end

complete -c open-cli -e
complete -c open-cli -f -a '(__open_cli_complete)'
