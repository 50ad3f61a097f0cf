#!/usr/bin/env bash
# Makes secrets and configuration for a stack on this machine: broker, demo API, toolbox and clients.
# README.md beside this file lists the settings.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

exec "$eval_program" setup --dir "$dir"
