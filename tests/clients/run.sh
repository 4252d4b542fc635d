#!/bin/bash
# Runs the tests with real clients; arguments go to pytest. The virtual environment lies in the cache folder outside
# the checkout and is made again only when requirements.txt or the Python changes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${BALEEN_CACHE:-$HOME/.cache/baleen}
target=${CARGO_TARGET_DIR:-$cache/target}
export BALEEN_BIN=${BALEEN_BIN:-$target/debug/baleen}
export PIP_CACHE_DIR=${PIP_CACHE_DIR:-$cache/pip} PIP_DISABLE_PIP_VERSION_CHECK=1
# Byte code and pytest's notes stay out of the checkout.
export PYTHONDONTWRITEBYTECODE=1

recipe=$( { cat "$here/requirements.txt"; python3 -VV; } | sha256sum | cut -c1-12)
venv=$cache/clients-$recipe

mkdir -p "$cache"
exec 9>"$cache/clients.lock"
flock 9
if [ ! -e "$venv/ready" ]; then
  echo "clients: installing the pinned Python clients into $venv" >&2
  # Environments of older recipes are no longer reachable by anyone but a run that holds them open.
  find "$cache" -maxdepth 1 -type d -name 'clients-*' -mtime +7 -exec rm -rf {} +
  python3 -m venv --clear "$venv"
  "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
  touch "$venv/ready"
fi
# The identity provider that logins are tested against; npm's own lock file pins it, with checksums.
recipe=$( { cat "$here/idp/package-lock.json"; node --version; } | sha256sum | cut -c1-12)
export BALEEN_TEST_IDP=$cache/idp-$recipe
if [ ! -e "$BALEEN_TEST_IDP/ready" ]; then
  echo "clients: installing the pinned identity provider into $BALEEN_TEST_IDP" >&2
  find "$cache" -maxdepth 1 -type d -name 'idp-*' -mtime +7 -exec rm -rf {} +
  rm -rf "$BALEEN_TEST_IDP"
  mkdir -p "$BALEEN_TEST_IDP"
  cp "$here/idp/package.json" "$here/idp/package-lock.json" "$BALEEN_TEST_IDP"
  (cd "$BALEEN_TEST_IDP" && npm ci --silent --ignore-scripts --no-audit --no-fund --cache "$cache/npm")
  touch "$BALEEN_TEST_IDP/ready"
fi
flock -u 9

export PATH="$venv/bin:$PATH"
exec "$venv/bin/python" -m pytest --rootdir "$here" -p no:cacheprovider "$@" "$here"
