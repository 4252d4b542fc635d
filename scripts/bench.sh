#!/usr/bin/env bash
# bench.sh: measures Baleen against its peers, each pair in one run, our side durable. A benchmark, never a test.
#
#   scripts/bench.sh [NAME..]        default: all; `scripts/bench.sh help` lists them
#
# Needs the load tools in $BALEEN_BENCH (a folder with s3load/, capture_compare.sh and peers/; default ../shared/bench)
# and the peers' servers installed under $PEERS as their start scripts say. What is missing is named and left out; identity
# needs none. Figures hold for one machine at one time: compare ratios, and look at the load that is printed beside them.
set -euo pipefail
cd "$(dirname "$0")/.."
bench=${BALEEN_BENCH:-../shared/bench}
export PEERS=${PEERS:-${TMPDIR:-/tmp}/peers}
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${BALEEN_CACHE:-$HOME/.cache/baleen}/target}
seconds=${BENCH_SECONDS:-5}
rounds=${BENCH_ROUNDS:-3}
list_keys=${BENCH_LIST_KEYS:-100000}

# name | peer | what is put first: size, keys | what is measured
s3_rows='
put-4k-16  | s3s-fs      |            | put --size 4k -c 16
put-4k-64  | s3s-fs      |            | put --size 4k -c 64
put-64m-4  | s3s-fs      |            | put --size 64m -c 4 --overwrite --keys 8
get-4k-16  | seaweedfs   | 4k 2000    | get --size 4k -c 16 --keys 2000
get-64m-4  | seaweedfs   | 64m 4      | get --size 64m -c 4 --keys 4 --verify 16
head-16    | garage-lmdb | 4k 2000    | head --size 4k -c 16 --keys 2000
list-1000  | garage-lmdb | 16 LIST    | list --keys LIST --verify 8
get-null   | nullserver  | 4k 2000    | get --size 4k -c 16 --keys 2000
'
others='capture memory identity'
names=$(awk -F'|' 'NF > 1 { print $1 }' <<<"$s3_rows")
wanted=${*:-capture $names memory identity}
if [ "$wanted" = help ]; then echo "bench:" $names "$others"; exit; fi

# Where the peer of a row is installed; `nullserver` is hyper alone, which answers from memory and checks nothing.
installed() {
  case $1 in
    s3s-fs) echo "$PEERS/s3sfs/bin/s3s-fs" ;;
    seaweedfs) echo "$PEERS/venv/bin/weed" ;;
    garage-lmdb) echo "$PEERS/garage/bin/garage" ;;
    nullserver) echo "${load%/*}/nullserver" ;;
  esac
}

if [ "$wanted" != identity ]; then
  [ -d "$bench" ] || { echo "bench: no load tools at $bench; set BALEEN_BENCH" >&2; exit 2; }
  bench=$(cd "$bench" && pwd)
  [ -n "${BALEEN_BIN:-}" ] || cargo build --release --package baleen
fi
baleen=${BALEEN_BIN:-$CARGO_TARGET_DIR/release/baleen}
work=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/baleen-bench.XXXXXX")
pids=()
finish() {
  for pid in "${pids[@]:-}"; do { [ -n "$pid" ] && kill "$pid" && wait "$pid"; } 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

load=
need_load() {
  [ -z "$load" ] || return 0
  local target=$CARGO_TARGET_DIR/bench-s3load
  CARGO_TARGET_DIR=$target cargo build --quiet --release --manifest-path "$bench/s3load/Cargo.toml"
  load=$target/release/s3load
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

# Starts a peer by its own script, unless it is not installed or runs already. One at a time: the machine is small.
running=
start_peer() { # name
  [ "$running" != "$1" ] || return 0
  stop_peer
  [ -e "$(installed "$1")" ] || { echo "bench: $1 is not installed under $PEERS; see $bench/peers/$1.sh" >&2; return 1; }
  if [ "$1" = nullserver ]; then
    "$(installed "$1")" --port 3990 --mode hyper --size 4096 >&2 &
    mkdir -p "$PEERS/run"
    echo $! >"$PEERS/run/$1.pid"
    printf 'endpoint=http://127.0.0.1:3990\nbucket=bench\naccess=a\nsecret=b\nregion=us-east-1\nserver_pid=%s\n' $! >"$PEERS/run/$1.target"
    sleep 0.5
  else
    "$bench/peers/${1%-lmdb}.sh" >&2
    "$load" mkbucket --target "$PEERS/run/$1.target" >/dev/null
  fi
  running=$1
  pids+=("$(cat "$PEERS/run/$1.pid")")
}
stop_peer() {
  [ -z "$running" ] || kill "$(cat "$PEERS/run/$running.pid")" 2>/dev/null || true
  running=
}

peak() { awk '/VmHWM/ { printf "%.0f MiB", $2 / 1024 }' "/proc/$(sed -n s/server_pid=//p "$work/baleen.target")/status"; }

# Puts what a row reads, into a store that does not have it yet.
fill() { # target, size, keys, prefix
  "$load" fill --target "$1" --size "$2" -c "$([ "$2" = 64m ] && echo 2 || echo 16)" --keys "$3" --prefix "$4" --verify 0 >/dev/null
}

measure() { # name
  local peer filled what prefix
  IFS='|' read -r _ peer filled what < <(grep "^$1 " <<<"$s3_rows")
  peer=${peer// /} what=${what//LIST/$list_keys} filled=${filled//LIST/$list_keys}
  prefix="$1-$$/"
  need_load
  echo "== $1: $what; a = Baleen (durable), b = $peer; load $(cut -d' ' -f1 /proc/loadavg)"
  start_baleen
  start_peer "$peer" || return 0
  read -r size keys <<<"$filled" || true
  if [ -n "${size:-}" ]; then
    fill "$work/baleen.target" "$size" "$keys" "$prefix"
    [ "$peer" = nullserver ] || fill "$PEERS/run/$peer.target" "$size" "$keys" "$prefix"
  fi
  # A null server gives zeroes: what it answers is not looked at.
  [ "$peer" != nullserver ] || what="$what --verify 0"
  # shellcheck disable=SC2086  # options
  "$load" compare $what --duration "$seconds" --rounds "$rounds" --prefix "$prefix" \
    --a "$work/baleen.target" --b "$PEERS/run/$peer.target"
  echo "peak memory of Baleen: $(peak)"
}

# Sixty-four transfers at once, of 1 GiB each: what a server keeps in memory must not grow with them. By curl, which keeps no
# body. Uploads are on the disk all at one time, so that BENCH_MEMORY_PUT makes them smaller where there is no room for 64 GiB.
memory() {
  local get=${BENCH_MEMORY_SIZE:-1g} put=${BENCH_MEMORY_PUT:-${BENCH_MEMORY_SIZE:-1g}}
  need_load
  stop_peer
  pids+=("$(sed -n s/server_pid=//p "$work/baleen.target" 2>/dev/null || true)")
  [ ! -e "$work/baleen.target" ] || { kill "${pids[-1]}"; wait "${pids[-1]}" 2>/dev/null || true; rm -rf "$work"/*; }
  start_baleen
  of() { sed -n "s/^$1=//p" "$work/baleen.target"; }
  transfer() {
    curl --silent --show-error --fail --output /dev/null --aws-sigv4 "aws:amz:$(of region):s3" --user "$(of access):$(of secret)" \
      --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@"
  }
  at_once() { # what each adds to its transfer; KEY is a number
    local each=() number failed=0
    for number in $(seq 64); do
      transfer "${@//KEY/$number}" &
      each+=($!)
    done
    for number in "${each[@]}"; do wait "$number" || failed=$((failed + 1)); done
    [ "$failed" = 0 ] || { echo "bench: $failed transfers failed" >&2; exit 1; }
  }
  echo "== memory: 64 transfers at once; load $(cut -d' ' -f1 /proc/loadavg); at rest $(peak)"
  truncate -s "${get^^}" "$work/get"
  truncate -s "${put^^}" "$work/put"
  transfer --upload-file "$work/get" "$(of endpoint)/bench/memory"
  echo "peak memory after one PUT of $get: $(peak)"
  at_once "$(of endpoint)/bench/memory"
  echo "peak memory after 64 GETs of $get: $(peak)"
  at_once --upload-file "$work/put" "$(of endpoint)/bench/memory-KEY"
  echo "peak memory after 64 PUTs of $put: $(peak)"
}

capture() {
  echo "== capture, 64 B frames, CPU per packet against tcpdump and dumpcap"
  [ "$(id -u)" = 0 ] || { echo "bench: capture needs root" >&2; return 0; }
  "$bench/capture_compare.sh" -s 64 -r "${BENCH_RATES:-300000 1000000}" -t "$seconds" -n "$rounds" tcpdump \
    "baleen=$baleen capture -q -i {IF} --format pcap {OUT}.pcap"
}

identity() {
  echo "== identity, one core: decisions; signature and decision; look-up and decision with few and many users; 200 log-ins at once"
  for example in policy/decision_cost http/edge_cost iam/many_users iam/login_memory; do
    echo "-- ${example#*/}"
    cargo run --quiet --release --package "baleen-${example%/*}" --example "${example#*/}"
  done
}

echo "load before: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) cores"
for what in $wanted; do
  case " $others " in
    *" $what "*) "$what"; continue ;;
  esac
  grep -q "^$what " <<<"$s3_rows" || { echo "bench: no measurement named $what; there are" $names "$others" >&2; exit 2; }
  measure "$what"
done
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
