#!/usr/bin/env bash
# Starts the stack of setup.sh in the background, and says where everything is.
# README.md beside this file lists the settings.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

exec "$eval_program" up --dir "$dir"
