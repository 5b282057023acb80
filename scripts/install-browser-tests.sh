#!/bin/sh
# Makes tests/browser runnable: Chromium, node with npm, and the npm packages of the lock file in BUILD_DIR/npm. Nothing
# missing: says nothing, needs no root and no network.
#   scripts/install-browser-tests.sh BUILD_DIR
set -eu

build=$1
scripts=$(dirname "$0")
source=$scripts/../tests/browser
lists=$scripts/../packaging

node_is_there() {
  command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' 2>/dev/null
}

"$scripts/install-packages.sh" "$lists/debian-packages-test.txt"
node_is_there || "$scripts/install-packages.sh" "$lists/debian-packages-node.txt"

# The copied lock file is the last thing written: where it is the same, the packages are whole.
npm=$build/npm
[ -d "$npm/node_modules" ] && cmp -s "$source/package-lock.json" "$npm/installed-lock.json" && exit 0
mkdir -p "$npm"
cp "$source/package.json" "$source/package-lock.json" "$npm/"
(cd "$npm" && npm ci --no-audit --no-fund --loglevel=error)
cp "$source/package-lock.json" "$npm/installed-lock.json"
