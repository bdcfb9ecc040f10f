#!/bin/sh
# Plan, apply and plan again in a copy of this folder, so that nothing is left behind.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/quickstart"
cp "$here/keyplan.yaml" "$work/quickstart"
cd "$work/quickstart"

run() {
    printf '\n$ %s\n' "$*"
    "$@"
}

run keyplan plan
run keyplan apply --auto-approve
run keyplan plan --detailed-exitcode
