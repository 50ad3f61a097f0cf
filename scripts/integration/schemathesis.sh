#!/usr/bin/env bash
# Asks a toolbox with auth on what its own description allows, and what it does not.
set -euo pipefail
