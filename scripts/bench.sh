#!/usr/bin/env bash
# bench.sh: measures Baleen against its peers, each pair in one run, our side durable. A benchmark, never a test.
#
#   scripts/bench.sh [capture] [put] [get] [identity]        default: all four
#
# Needs the load tools in $BALEEN_BENCH (a folder with s3load/, capture_compare.sh and peers/; default ../shared/bench)
# and, for put and get, the peers' servers installed under $PEERS as their start scripts say. What is missing is named and
# left out; identity needs none. Figures hold for one machine at one time: compare ratios, and look at the load that is printed beside them.
set -euo pipefail
cd "$(dirname "$0")/.."
bench=${BALEEN_BENCH:-../shared/bench}
export PEERS=${PEERS:-${TMPDIR:-/tmp}/peers}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${BALEEN_CACHE:-$HOME/.cache/baleen}/target}
seconds=${BENCH_SECONDS:-5}
rounds=${BENCH_ROUNDS:-3}
wanted=${*:-capture put get identity}
if [ "$wanted" != identity ]; then
  [ -d "$bench" ] || { echo "bench: no load tools at $bench; set BALEEN_BENCH" >&2; exit 2; }
  bench=$(cd "$bench" && pwd)
  cargo build --release --package baleen
fi
baleen=$CARGO_TARGET_DIR/release/baleen
work=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/baleen-bench.XXXXXX")
pids=()
finish() {
  for pid in "${pids[@]:-}"; do [ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
  rm -rf "$work"
}
trap finish EXIT

s3load() {
  CARGO_TARGET_DIR=$work/../baleen-bench-s3load cargo build --quiet --release --manifest-path "$bench/s3load/Cargo.toml"
  echo "$(cd "$work/../baleen-bench-s3load" && pwd)/release/s3load"
}

field() { sed -n "s/.*\"$1\":[ ]*\"\{0,1\}\([^\",}]*\).*/\1/p" "$2" | head -n 1; }

# Starts our server on a fresh store and writes the target file that s3load reads.
start_baleen() {
  [ -e "$work/baleen.target" ] && return
  "$baleen" serve --data "$work/data" --json \
    --listen-s3 127.0.0.1:0 --listen-api 127.0.0.1:0 --listen-ops 127.0.0.1:0 >"$work/serve.json" 2>"$work/serve.log" &
  local pid=$!
  pids+=("$pid")
  for _ in $(seq 100); do [ -s "$work/serve.json" ] && break; sleep 0.1; done
  [ -s "$work/serve.json" ] || { cat "$work/serve.log" >&2; exit 1; }
  local credentials=$work/data/root-credentials.json
  cat >"$work/baleen.target" <<T
endpoint=$(field s3 "$work/serve.json")
bucket=bench
access=$(field accessKeyId "$credentials")
secret=$(field secretAccessKey "$credentials")
region=us-east-1
server_pid=$pid
T
  "$load" mkbucket --target "$work/baleen.target" >/dev/null
}

# Starts a peer by its own script, unless it is not installed.
start_peer() { # name, the file that shows it is installed
  [ -e "$2" ] || { echo "bench: $1 is not installed under $PEERS; see $bench/peers/$1.sh" >&2; return 1; }
  "$bench/peers/$1.sh" >&2
  pids+=("$(cat "$PEERS/run/$1.pid")")
  "$load" mkbucket --target "$PEERS/run/$1.target" >/dev/null
}

peak() { awk '/VmHWM/ { printf "%.0f MiB", $2 / 1024 }' "/proc/$1/status"; }

echo "load before: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores"
for what in $wanted; do
  case $what in
    capture)
      echo "== capture, 64 B frames, CPU per packet against tcpdump and dumpcap"
      [ "$(id -u)" = 0 ] || { echo "bench: capture needs root" >&2; continue; }
      "$bench/capture_compare.sh" -s 64 -r "${BENCH_RATES:-300000 1000000}" -t "$seconds" -n "$rounds" tcpdump \
        "baleen=$baleen capture -q -i {IF} --format pcap {OUT}.pcap"
      ;;
    put)
      echo "== PUT 4 KiB, 16 connections: a = Baleen (durable), b = s3s-fs (not durable)"
      load=$(s3load)
      start_baleen
      start_peer s3s-fs "$PEERS/s3sfs/bin/s3s-fs" || continue
      "$load" compare put --size 4k -c 16 --duration "$seconds" --rounds "$rounds" --prefix "put-$$/" \
        --a "$work/baleen.target" --b "$PEERS/run/s3s-fs.target"
      echo "peak memory of Baleen: $(peak "$(sed -n s/server_pid=//p "$work/baleen.target")")"
      ;;
    get)
      echo "== GET 4 KiB, 16 connections: a = Baleen, b = SeaweedFS"
      load=$(s3load)
      start_baleen
      start_peer seaweedfs "$PEERS/venv/bin/weed" || continue
      for target in "$work/baleen.target" "$PEERS/run/seaweedfs.target"; do
        "$load" fill --target "$target" --size 4k -c 16 --keys 2000 --prefix "get-$$/" --verify 0 >/dev/null
      done
      "$load" compare get --size 4k -c 16 --duration "$seconds" --rounds "$rounds" --keys 2000 --prefix "get-$$/" \
        --a "$work/baleen.target" --b "$PEERS/run/seaweedfs.target"
      echo "peak memory of Baleen: $(peak "$(sed -n s/server_pid=//p "$work/baleen.target")")"
      ;;
    identity)
      echo "== identity, one core: decisions; signature and decision; look-up and decision with few and many users; 200 log-ins at once"
      for example in policy/decision_cost http/edge_cost iam/many_users iam/login_memory; do
        echo "-- ${example#*/}"
        cargo run --quiet --release --package "baleen-${example%/*}" --example "${example#*/}"
      done
      ;;
    *) echo "bench: no measurement named $what; there are capture, put, get, identity" >&2; exit 2 ;;
  esac
done
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
