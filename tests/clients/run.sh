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
# What npm installs: its own lock files pin it, with checksums. Says in which folder it is.
packages() { # packages NAME WHAT
  local recipe folder
  recipe=$( { cat "$here/$1/package-lock.json"; node --version; } | sha256sum | cut -c1-12)
  folder=$cache/$1-$recipe
  if [ ! -e "$folder/ready" ]; then
    echo "clients: installing $2 into $folder" >&2
    find "$cache" -maxdepth 1 -type d -name "$1-*" -mtime +7 -exec rm -rf {} +
    rm -rf "$folder"
    mkdir -p "$folder"
    cp "$here/$1/package.json" "$here/$1/package-lock.json" "$folder"
    (cd "$folder" && npm ci --silent --ignore-scripts --no-audit --no-fund --cache "$cache/npm") >&2
    touch "$folder/ready"
  fi
  echo "$folder"
}
BALEEN_TEST_IDP=$(packages idp "the pinned identity provider that logins are tested against")
BALEEN_TEST_SDK_JS=$(packages sdkjs "the pinned SDKs of AWS and Cloudflare for JavaScript")
BALEEN_TEST_AZURITE=$(packages azurite "the pinned server of Azure Blob Storage that captures are tested against")
export BALEEN_TEST_IDP BALEEN_TEST_SDK_JS BALEEN_TEST_AZURITE
flock -u 9

export PATH="$venv/bin:$PATH"
exec "$venv/bin/python" -m pytest --rootdir "$here" -p no:cacheprovider "$@" "$here"
