#!/usr/bin/env bash
# The manual pages are roff that groff and mandoc read alike, without a warning, and what they show has what help has.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in groff mandoc; do
    command -v "$tool" >/dev/null || { echo "man: $tool is missing (Debian: $tool)" >&2; exit 1; }
done
pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
scripts/man.sh "$pages/man"

for page in "$pages"/man/*; do
    groff -man -ww -Tascii -P-c "$page" >"$pages/shown" 2>"$pages/warnings"
    [[ ! -s $pages/warnings ]] || { cat "$pages/warnings"; echo "man: groff warns of ${page##*/}" >&2; exit 1; }
    [[ $(wc -l <"$pages/shown") -gt 10 ]] || { echo "man: ${page##*/} shows nothing" >&2; exit 1; }
    # A page has no date on purpose: one version has one page.
    warnings=$(mandoc -T lint -W warning "$page" | grep -v 'missing date, using ""' || true)
    [[ -z $warnings ]] || { echo "$warnings"; echo "man: mandoc warns of ${page##*/}" >&2; exit 1; }
done

# What is copied from a page is what is typed: plain hyphens and quotes, whatever reads it.
for reader in "groff -man -Tutf8 -P-c" "mandoc -T utf8"; do
    $reader "$pages/man/open-cli.1" | sed 's/.\x08//g' >"$pages/shown"
    for text in "--agent-profile NAME" "catalog list" "OPEN_CLI_FORMAT" "--dry-run[=curl|http|json]"; do
        grep -qF -- "$text" "$pages/shown" || { echo "man: '$text' is not in open-cli.1 as $reader shows it" >&2; exit 1; }
    done
done
echo "man: $(ls "$pages/man" | wc -l) pages, no warning"
