#!/usr/bin/env bash
# Do the networks that two checkouts convert differ in speed? Detects 1 to 3 %, compare.sh 3 to 10 %.
#
#   recipes/gate.sh BASE HEAD OUT
#
# For changes of models, exporters and their versions, whose effect is entirely in the artifacts. The arguments,
# PYTHON, MODELS, MARGIN, THRESHOLD, ERROR_RATE, CACHE_DIR and the exit codes are as in compare.sh; PAIRS and
# CONFIRM_PAIRS as in `harness gate`. Finished pairs are kept in OUT/pairs, and the same call resumes from there.
set -euo pipefail

[ $# = 3 ] || { echo "usage: $0 BASE HEAD OUT" >&2; exit 2; }
base=$(realpath "$1") head=$(realpath "$2") out=$(realpath -m "$3")
python=${PYTHON:-python}
# Relative to the caller's directory. A virtual environment's interpreter is a link and must stay one.
case $python in */*) python=$(realpath -s "$python") ;; esac
cache=${CACHE_DIR:+$(realpath -m "$CACHE_DIR")}
mkdir -p "$out"

convert() {
    local code=0
    (
        cd "$1"
        PYTHONPATH=$1 "$python" -m harness convert --models "${MODELS:-smoke}" --export "$out/$2" \
            ${cache:+--cache-dir "$cache"}
    ) || code=$?
    # 1 means that a conversion failed, which is not a regression: the gate reports which side's.
    [ "$code" -le 1 ] || exit "$code"
}

convert "$base" base_artifacts
convert "$head" head_artifacts

cd "$head"
PYTHONPATH=$head "$python" -m harness gate "$out/base_artifacts" "$out/head_artifacts" --margin "${MARGIN:-0.5}" \
    --threshold "${THRESHOLD:-3}" --error-rate "${ERROR_RATE:-0.01}" \
    --pairs "${PAIRS:-6}" --confirm-pairs "${CONFIRM_PAIRS:-20}" --output "$out/pairs" \
    --markdown "$out/gate.md" --junit "$out/gate.xml" --json "$out/gate.json" ${cache:+--cache-dir "$cache"}
