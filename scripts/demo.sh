#!/bin/bash
# Builds the release and shows the main job on live traffic of this machine: a bucket, its proof of ownership, a full
# capture while HTTP and DNS flow, the file with a link and a summary. Then the server serves on; Ctrl-C ends it.
#
#   BALEEN_DATA     where everything is kept (default: ./baleen-data)
#   DEMO_ONESHOT=1  ends after the summary
#   arguments       go to `baleen demo` (see `baleen demo --help`)
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${BALEEN_CACHE:-$HOME/.cache/baleen}/target}
echo "demo: building the release; the first time takes some minutes" >&2
cargo build --release --locked --package baleen
baleen=$CARGO_TARGET_DIR/release/baleen

BALEEN_DATA=${BALEEN_DATA:-$PWD/baleen-data} exec "$baleen" demo "$@"
