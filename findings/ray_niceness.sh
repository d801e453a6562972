#!/usr/bin/env bash
# A command that a task of Ray starts does not run as in the shell of the host: it has the lower priority of Ray's
# workers, and is the first to be ended when memory runs out. Latencies measured in it are those of a background process.
#
# Versions: ray 2.60.0; CPython 3.11, Linux x86-64.
# Seen with a shell of niceness 0 and oom_score_adj 0, for `subprocess.run` in a task with num_cpus=1:
#   niceness 15, oom_score_adj 1000, OMP_NUM_THREADS=1
# Seen with RAY_worker_niceness=0 in the environment of Ray's start: niceness 0; the other two as before.
#
# A cluster of this machine alone. Exits with 0 if all of this is so, otherwise with 1.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check ray==2.60.0

cat >"$folder/observe.py" <<'PYTHON'
import logging, os, subprocess, sys

import ray

COMMAND = "import os; print(os.getpriority(os.PRIO_PROCESS, 0), open('/proc/self/oom_score_adj').read().strip(), os.environ.get('OMP_NUM_THREADS'))"

def started():
    return subprocess.run([sys.executable, "-c", COMMAND], capture_output=True, text=True, check=True).stdout.split()

ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL)
print(*started(), *ray.get(ray.remote(num_cpus=1)(started).remote()))
ray.shutdown()
PYTHON

unset OMP_NUM_THREADS
export RAY_USAGE_STATS_ENABLED=0
seen=$("$folder/venv/bin/python" "$folder/observe.py" 2>/dev/null | tail -1)
without=$(RAY_worker_niceness=0 "$folder/venv/bin/python" "$folder/observe.py" 2>/dev/null | tail -1)
echo "niceness, oom_score_adj and OMP_NUM_THREADS in the shell, then in a command of a task: $seen"
echo "with RAY_worker_niceness=0: $without"
read -r shell_niceness shell_oom _ niceness oom threads <<<"$seen"
read -r _ _ _ niceness_set oom_set threads_set <<<"$without"
test "$niceness" -eq $((shell_niceness + 15)) && test "$oom" -eq 1000 && test "$threads" = 1 && test "$shell_oom" -ne 1000
test "$niceness_set" -eq "$shell_niceness" && test "$oom_set" -eq 1000 && test "$threads_set" = 1
