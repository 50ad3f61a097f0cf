#!/usr/bin/env bash
# Stops what up.sh started; the files stay. README.md beside this file lists the settings.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

exec "$eval_program" down --dir "$dir"
