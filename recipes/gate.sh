#!/usr/bin/env bash
# Do the networks that two checkouts convert differ in speed? Sees 1 to 3 % where compare.sh sees 3 to 10 %.
#
#   recipes/gate.sh BASE HEAD OUT
#
# For changes of models, exporters and their versions, of which both sides' artifacts are the whole difference. The
# arguments, PYTHON, MODELS, MARGIN, THRESHOLD, ERROR_RATE, CACHE_DIR and the exit codes are as in compare.sh; PAIRS
# and CONFIRM_PAIRS as of `harness gate`. Finished pairs are in OUT/pairs, and the same call goes on from there.
set -euo pipefail

[ $# = 3 ] || { echo "usage: $0 BASE HEAD OUT" >&2; exit 2; }
base=$(realpath "$1") head=$(realpath "$2") out=$(realpath -m "$3")
python=${PYTHON:-python}
# Of the directory that this was called in. A virtual environment's interpreter is a link, which has to stay one.
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
    # 1 says that a conversion failed, which is no regression: the gate says of which side.
    [ "$code" -le 1 ] || exit "$code"
}

convert "$base" base_artifacts
convert "$head" head_artifacts

cd "$head"
PYTHONPATH=$head "$python" -m harness gate "$out/base_artifacts" "$out/head_artifacts" --margin "${MARGIN:-0.5}" \
    --threshold "${THRESHOLD:-3}" --error-rate "${ERROR_RATE:-0.01}" \
    --pairs "${PAIRS:-6}" --confirm-pairs "${CONFIRM_PAIRS:-20}" --output "$out/pairs" \
    --markdown "$out/gate.md" --junit "$out/gate.xml" --json "$out/gate.json" ${cache:+--cache-dir "$cache"}
