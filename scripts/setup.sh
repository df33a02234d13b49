#!/usr/bin/env bash
# Installs uv, if it is missing, and the locked packages. Without a usable Java or Python it stops at once.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$1

fail() {
  printf 'setup: %s\n' "$1" >&2
  exit 1
}

java_advice="Install one: sudo apt-get install -y openjdk-17-jre-headless (Debian, Ubuntu), sudo dnf install -y java-21-openjdk-headless (Fedora, RHEL) or brew install openjdk@21 (macOS)."
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
command -v "$java" >/dev/null || fail "there is no Java (looked for $java), and Spark needs Java 17, 21 or 25. $java_advice"
version=$("$java" -version 2>&1 | sed -nE 's/.*version "(1\.)?([0-9]+).*/\2/p' | head -n 1) || version=
case "$version" in
  17 | 21 | 25) ;;
  *) fail "$java is Java ${version:-of an unknown version}, and Spark needs Java 17, 21 or 25. $java_advice" ;;
esac

if ! command -v "$uv" >/dev/null; then
  python=
  for candidate in python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then
      python=$candidate
      break
    fi
  done
  [ -n "$python" ] || fail "there is no Python 3.11 or 3.12. Install one: sudo apt-get install -y python3 python3-venv (Debian 12, Ubuntu 24.04), sudo dnf install -y python3.12 (Fedora, RHEL) or brew install python@3.12 (macOS)."
  echo "Installing uv into .uv"
  "$python" -m venv .uv || fail "$python cannot make a virtual environment. Install it: sudo apt-get install -y python3-venv"
  .uv/bin/pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'
fi

# The commands in .venv name their folder: if the project was moved or copied, they are those of the other folder.
if [ -e .venv/bin/dbt ] && [ ! -L .venv ] && ! grep -qF -e "$PWD/.venv/" -e "$(pwd -P)/.venv/" .venv/bin/dbt; then
  rm -rf .venv
fi

# Compile the packages to bytecode once: with PYTHONDONTWRITEBYTECODE set each process would compile them again.
"$uv" sync --quiet --frozen --compile-bytecode
"$uv" run --quiet --frozen python -m fitness.cold_start
