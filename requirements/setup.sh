#!/usr/bin/env bash
# Sets up everything the project needs: Debian packages (when root) and a virtual environment.
# Usage: setup.sh VENV_DIR
set -euo pipefail
venv=$1
here=$(cd "$(dirname "$0")" && pwd)

missing=()
while read -r package; do
    # A tool that is there by other means (a newer Node.js, a Python of one's own) is as good.
    case $package in
        nodejs) command -v node >/dev/null && continue ;;
        npm) command -v npm >/dev/null && continue ;;
        python3-venv) python3 -c 'import ensurepip' 2>/dev/null && continue ;;
    esac
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done < <(grep -v '^#' "$here/debian.txt")

if ((${#missing[@]})); then
    if ((EUID == 0)); then
        echo "installing Debian packages: ${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "missing Debian packages; as root: apt-get install ${missing[*]}" >&2
        exit 2
    fi
fi

python=$(command -v python3.11 || command -v python3)
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed, found $("$python" --version)" >&2
    exit 2
}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$here/dev.lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e "$here/.."
