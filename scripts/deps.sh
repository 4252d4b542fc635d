#!/bin/bash
# Installs what this machine lacks and says what and why. With everything there it does nothing, quickly.
#
#   scripts/deps.sh build     what compiling needs
#   scripts/deps.sh demo      and what the demonstration needs
#   scripts/deps.sh test      and what the tests need
set -euo pipefail

# The oldest toolchain that compiles the workspace (Cargo.toml, rust-version).
rust_needed=1.95

say() { echo "deps: $*" >&2; }

has_file() { for file in "$@"; do [ -e "$file" ] && return 0; done; return 1; }
has_venv() { python3 -c 'import venv, ensurepip' 2>/dev/null; }

packages=()
need() { # need PACKAGE REASON CHECK..: notes the package when the check fails
  local package=$1 reason=$2
  shift 2
  if ! "$@" >/dev/null 2>&1; then
    packages+=("$package")
    say "missing $package: $reason"
  fi
}

build_needs() {
  need gcc "links Rust programs and compiles the C parts of the TLS library" command -v cc
  need libc6-dev "the C headers for that" has_file /usr/include/stdlib.h
  need libpcap-dev "compiles capture filters" has_file /usr/include/pcap/pcap.h /usr/local/include/pcap/pcap.h
  need ca-certificates "the certificate authorities that TLS connections are checked against" \
    has_file /etc/ssl/certs/ca-certificates.crt
}

demo_needs() {
  build_needs
  need tshark "looks into the captured file" command -v tshark
  need iproute2 "finds the interface of the default route" command -v ip
  need curl "makes the requests that are captured" command -v curl
}

test_needs() {
  demo_needs
  need tcpdump "its verdict on a filter is the one that ours must equal" command -v tcpdump
  need rclone "a real client of the S3 door" command -v rclone
  if ! command -v python3 >/dev/null; then
    need python3 "runs the tests with real clients" false
  fi
  need nodejs "runs the identity provider that federated logins are tested against" command -v node
  need npm "installs it" command -v npm
  need python3-venv "keeps the Python clients (boto3, AWS CLI, cloudflare) in a folder of their own" has_venv
}

# Not every distribution has these as packages: where there cannot be any, BALEEN_WITHOUT_BROWSER says why, and the tests in a
# browser are left out and say so.
browser_needs() {
  if [ -n "${BALEEN_WITHOUT_BROWSER:-}" ]; then
    say "no tests in a browser, since BALEEN_WITHOUT_BROWSER is set: $BALEEN_WITHOUT_BROWSER"
    return
  fi
  need chromium "a real browser, which uploads from pages" command -v chromium
  need chromium-driver "drives it" command -v chromedriver
}

rust_is_there() {
  command -v cargo >/dev/null || return 1
  local found
  found=$(rustc --version | awk '{ print $2 }')
  [ "$(printf '%s\n' "$rust_needed" "$found" | sort -V | head -n 1)" = "$rust_needed" ]
}

install() {
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null; then
      as_root=(sudo)
    else
      say "this needs root; run as root: apt-get install ${packages[*]}"
      exit 1
    fi
  fi
  if ! command -v apt-get >/dev/null; then
    say "there is no apt-get here; install the equivalents of: ${packages[*]}"
    exit 1
  fi
  say "installing with apt-get: ${packages[*]}"
  local options=(-qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get "${options[@]}" -o Dpkg::Use-Pty=0 install --yes --no-install-recommends "${packages[@]}" >/dev/null </dev/null
  say "installed"
}

if ! rust_is_there; then
  say "Rust $rust_needed or newer is needed and cargo is not on the PATH, or is older; see https://rustup.rs"
  exit 1
fi
case "${1:-}" in
  build) build_needs ;;
  demo) demo_needs ;;
  test) test_needs; browser_needs ;;
  *) say "usage: scripts/deps.sh build|demo|test"; exit 2 ;;
esac
[ ${#packages[@]} -eq 0 ] || install

# Cargo tells by times of files whether a crate of ours has changed, and two checkouts have the same crates: after another has
# built into the shared folder, ours would be taken for built. So what was built for another checkout is forgotten; the
# dependencies stay.
claim_target() {
  local owner=$CARGO_TARGET_DIR/checkout
  [ "$(cat "$owner" 2>/dev/null)" != "$PWD" ] || return 0
  rm -rf "$CARGO_TARGET_DIR"/*/.fingerprint/{baleen,xtask}-*
  mkdir -p "$CARGO_TARGET_DIR"
  echo "$PWD" >"$owner"
}

cd "$(dirname "$0")/.."
[ -z "${CARGO_TARGET_DIR:-}" ] || claim_target
