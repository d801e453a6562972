#!/usr/bin/env bash
# Measures a checkout, adds the run to the history, and shows where its series changed.
#
#   recipes/history.sh CHECKOUT STORE OUT
#
# STORE is the history's file, created if it does not exist; OUT gets the run directory, history.md, history.svg and
# history.csv. PYTHON, MODELS, ROUNDS, CACHE_DIR and RESUME are as in compare.sh; LABEL is the label of
# the run (the commit).
set -euo pipefail

[ $# = 3 ] || { echo "usage: $0 CHECKOUT STORE OUT" >&2; exit 2; }
checkout=$(realpath "$1") store=$(realpath -m "$2") out=$(realpath -m "$3")
python=${PYTHON:-python}
# Relative to the caller's directory. A virtual environment's interpreter is a link and must stay one.
case $python in */*) python=$(realpath -s "$python") ;; esac
cache=${CACHE_DIR:+$(realpath -m "$CACHE_DIR")}

# An existing run would be resumed, and last night's times added as tonight's.
if [ -e "$out/run" ] && [ "${RESUME:-}" != 1 ]; then
    echo "$out/run exists from an earlier call. Remove it, choose another OUT, or resume it with RESUME=1" >&2
    exit 2
fi
mkdir -p "$out"
cd "$checkout"
export PYTHONPATH=$checkout

code=0
"$python" -m harness run --models "${MODELS:-smoke}" --rounds "${ROUNDS:-6}" --half-width 0 --budget 24h \
    --output "$out/run" ${cache:+--cache-dir "$cache"} || code=$?
# 1 means that a row is not ok; the others are worth keeping.
[ "$code" -le 1 ] || exit "$code"

"$python" -m harness history add "$out/run" --store "$store" --label "${LABEL:-$(git rev-parse --short HEAD)}"
"$python" -m harness history all --store "$store" --markdown "$out/history.md" --plot "$out/history.svg"
"$python" -m harness history export "$out/history.csv" --store "$store"
