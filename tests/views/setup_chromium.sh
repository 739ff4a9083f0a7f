#!/usr/bin/env bash
# Puts a Chromium on this machine for the tests of the views, where there is none yet.
# It does nothing when one is there; where it cannot install, it says what to do and ends with status 1.
set -euo pipefail

for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
  if command -v "$name" >/dev/null 2>&1; then
    exit 0
  fi
done
if [ -n "${NEXLA_TEST_CHROMIUM:-}" ] && [ -x "$NEXLA_TEST_CHROMIUM" ]; then
  exit 0
fi

advice() {
  echo "$1" >&2
  echo "Install Chromium or Chrome by hand, put it on the PATH or name it in NEXLA_TEST_CHROMIUM, and run the tests again." >&2
  exit 1
}

command -v apt-get >/dev/null 2>&1 || advice "There is no Chromium on the PATH, and no apt-get to install Debian's package with."
run=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null || advice "There is no Chromium on the PATH, and installing one needs root."
  run=(sudo -n)
fi
echo "Installing Chromium for the tests of the views ..." >&2
"${run[@]}" apt-get -qq update >&2 || advice "apt-get update failed."
DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get -qq install -y --no-install-recommends chromium >&2 ||
  advice "apt-get could not install Chromium."
