#!/usr/bin/env bash
# `import onnxruntime` alone starts telemetry in the Linux wheels: a thread, an identifier that stays, a database of
# events and other files, and about nine seconds later an upload. Nothing is printed and nobody is asked.
#
# Versions: onnxruntime 1.28.0 (without) and 1.30.0 (with), numpy 2.4.6; CPython 3.11, Linux x86-64, glibc.
# Seen with 1.30.0 after `import onnxruntime`: one thread more than with 1.28.0; new files
#   $XDG_CACHE_HOME/Microsoft/DeveloperTools/.onnxruntime/deviceid  (a UUID, the same for every later process)
#   $XDG_CACHE_HOME/Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db
#   $TMPDIR/mat-debug-PID.log  (empty, one for every process)  and  $TMPDIR/.ses
#   and in the database three events, each with a hash of the identifier: ProcessInfo, with the processor's name and the
#   memory's size, RegisterEpLibraryStart and RegisterEpLibraryEnd.
# Seen with 1.30.0 and ORT_DISABLE_TELEMETRY=1 before the import: the threads of 1.28.0 and no file.
# Seen with strace, not checked here: 9 s after the import the thread looks up mobile.events.data.microsoft.com. A session
#   adds events with, among others, the name of the model's graph and its operator sets.
#
# Exits with 0 if all of this is so, otherwise with 1. Needs pip's package index; it contacts nothing else itself.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"

# Prints the number of threads and the files left after the import, in an empty home and without variables of a CI
# service, which switch telemetry off too.
observe() {
  rm -rf "$folder/home"
  mkdir -p "$folder/home/cache" "$folder/home/tmp"
  env -i PATH="$PATH" HOME="$folder/home" XDG_CACHE_HOME="$folder/home/cache" TMPDIR="$folder/home/tmp" \
    OPENBLAS_NUM_THREADS=1 "$@" "$folder/venv/bin/python" -B -c '
import os, onnxruntime
print("onnxruntime", onnxruntime.__version__, "threads", len(os.listdir("/proc/self/task")))'
  (cd "$folder/home" && find . -type f | sort | sed -E 's/mat-debug-[0-9]+/mat-debug-PID/')
}

install() {
  "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$1" numpy==2.4.6
}

install onnxruntime==1.28.0
without=$(observe)
install onnxruntime==1.30.0
with=$(observe)
events=$("$folder/venv/bin/python" - "$folder/home/cache/Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db" <<'PYTHON'
import re, sqlite3, sys
try:
    payloads = b"".join(row[0] for row in sqlite3.connect(sys.argv[1]).execute("SELECT payload FROM events"))
except sqlite3.Error as error:
    print(error)
else:
    print(*sorted(set(re.findall(r"ProcessInfo|RegisterEpLibrary(?:Start|End)", payloads.decode("latin-1")))))
PYTHON
)
off=$(observe ORT_DISABLE_TELEMETRY=1)
printf '%s\n\n%s\nevents: %s\n\nwith ORT_DISABLE_TELEMETRY=1: %s\n' "$without" "$with" "$events" "$off"

[ "$without" = "onnxruntime 1.28.0 threads 1" ] &&
  [ "$with" = "onnxruntime 1.30.0 threads 2
./cache/Microsoft/DeveloperTools/.onnxruntime/deviceid
./cache/Microsoft/DeveloperTools/.onnxruntime/onnxruntime.db
./tmp/.ses
./tmp/mat-debug-PID.log" ] &&
  [ "$events" = "ProcessInfo RegisterEpLibraryEnd RegisterEpLibraryStart" ] &&
  [ "$off" = "onnxruntime 1.30.0 threads 1" ] &&
  echo "as described" || { echo "the behaviour has changed"; exit 1; }
