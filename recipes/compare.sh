#!/usr/bin/env bash
# Did anything get slower? Converts and measures the same models with two checkouts, and compares the runs.
#
#   recipes/compare.sh BASE HEAD OUT
#
# BASE and HEAD are checkouts of the project; OUT gets a run directory for each, summary.md, junit.xml and compare.json.
# First install what both need:  python -m pip install -c HEAD/constraints.txt 'HEAD[all]'
#
# Settings, as environment variables:
#   PYTHON       the interpreter (python)
#   MODELS       which models (smoke)
#   ROUNDS       fresh processes per series and side (6); more detect smaller changes
#   MARGIN, THRESHOLD, ERROR_RATE   as in `harness compare`
#   CACHE_DIR    where artifacts are kept (the user's cache directory); both sides may share it
#   RESUME       1 resumes an interrupted call with the same checkouts and OUT
#
# Exit codes are those of `harness compare`: 0 nothing regressed; 1 a series regressed; 2 a bad request; 3 nothing
# regressed, but a series is inconclusive or was not measured.
set -euo pipefail

[ $# = 3 ] || { echo "usage: $0 BASE HEAD OUT" >&2; exit 2; }
base=$(realpath "$1") head=$(realpath "$2") out=$(realpath -m "$3")
python=${PYTHON:-python} rounds=${ROUNDS:-6}
# Relative to the caller's directory. A virtual environment's interpreter is a link and must stay one.
case $python in */*) python=$(realpath -s "$python") ;; esac
cache=${CACHE_DIR:+$(realpath -m "$CACHE_DIR")}

# An existing run would be resumed, and yesterday's times attributed to these checkouts.
for side in base head; do
    if [ -e "$out/$side" ] && [ "${RESUME:-}" != 1 ]; then
        echo "$out/$side exists from an earlier call. Remove it, choose another OUT, or resume it with RESUME=1" >&2
        exit 2
    fi
done
mkdir -p "$out"

# Measures up to round $2 with the checkout $1, into $OUT/$3; a run resumes where it stopped.
measure() {
    local code=0
    # The working directory, and so what child processes import, is the checkout, not the installed package.
    (
        cd "$1"
        PYTHONPATH=$1 "$python" -m harness run --models "${MODELS:-smoke}" --rounds "$2" --half-width 0 --budget 24h \
            --output "$out/$3" ${cache:+--cache-dir "$cache"}
    ) || code=$?
    # 1 means that a row is not ok; the comparison reports which side's.
    [ "$code" -le 1 ] || exit "$code"
}

# A machine's speed drifts: the sides alternate, round by round, and alternate in going first.
for round in $(seq "$rounds"); do
    if [ $((round % 2)) = 1 ]; then
        measure "$base" "$round" base
        measure "$head" "$round" head
    else
        measure "$head" "$round" head
        measure "$base" "$round" base
    fi
done

cd "$head"
PYTHONPATH=$head "$python" -m harness compare "$out/base" "$out/head" --margin "${MARGIN:-0.5}" \
    --threshold "${THRESHOLD:-3}" --error-rate "${ERROR_RATE:-0.01}" \
    --markdown "$out/summary.md" --junit "$out/junit.xml" --json "$out/compare.json"
