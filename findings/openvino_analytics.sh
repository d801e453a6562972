#!/usr/bin/env bash
# `import openvino` alone reports to Google Analytics under an identifier that it keeps in the user's home.
#
# Versions: openvino 2026.4.1, openvino-telemetry 2025.2.0 (which pip installs with it), numpy 2.4.6; CPython 3.11, Linux
#   x86-64.
# Seen after `import openvino` in an empty home, without a terminal: two new files, ~/intel/openvino_ga_cid with a UUID,
#   the same for every later process, and ~/intel/stats; nothing is printed and nobody is asked.
# Seen in Python's audit events: www.google-analytics.com is looked up, port 443.
# Seen with openvino-telemetry uninstalled: neither the files nor the look-up.
#
# Host names are refused inside Python, so that nothing is sent. Exits with 0 if all of this is so, otherwise with 1.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  openvino==2026.4.1 openvino-telemetry==2025.2.0 numpy==2.4.6

# Prints the hosts that are looked up and the files left after the import; CI=true would switch reports off.
observe() {
  rm -rf "$folder/home"
  mkdir -p "$folder/home/tmp"
  env -i PATH="$PATH" HOME="$folder/home" TMPDIR="$folder/home/tmp" LOOKED_UP="$folder/looked_up" \
    "$folder/venv/bin/python" -B -c '
import os, socket, sys, time


def refuse(event, arguments):
    if event == "socket.getaddrinfo":
        with open(os.environ["LOOKED_UP"], "a") as file:
            print(arguments[0], arguments[1], file=file)
        raise socket.gaierror(socket.EAI_NONAME, "refused")


sys.addaudithook(refuse)
import openvino

time.sleep(3)' </dev/null
  [ ! -f "$folder/looked_up" ] || sort -u "$folder/looked_up"
  rm -f "$folder/looked_up"
  (cd "$folder/home" && find . -type f | sort)
}

as_it_comes=$(observe)
"$folder/venv/bin/python" -m pip uninstall --quiet --yes openvino-telemetry
without=$(observe)
printf 'as it comes:\n%s\n\nwithout openvino-telemetry:\n%s\n' "$as_it_comes" "$without"

[ "$as_it_comes" = "www.google-analytics.com 443
./intel/openvino_ga_cid
./intel/stats" ] && [ -z "$without" ] && echo "as described" || { echo "the behaviour has changed"; exit 1; }
