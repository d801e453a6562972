#!/usr/bin/env bash
# Did anything become slower? Converts and measures the same models with two checkouts, and compares the runs.
#
#   recipes/compare.sh BASE HEAD OUT
#
# BASE and HEAD are checkouts of the project; OUT gets a run directory of each, summary.md, junit.xml and compare.json.
# Install first what both need:  python -m pip install -c HEAD/constraints.txt 'HEAD[all]'
#
# Settings, as environment variables:
#   PYTHON       the interpreter (python)
#   MODELS       which models (smoke)
#   ROUNDS       fresh processes a series and side (6); the more, the smaller a change is seen
#   MARGIN, THRESHOLD, ERROR_RATE   as of `harness compare`
#   CACHE_DIR    where artifacts are kept (the user's cache directory); both sides may share it
#   RESUME       1 goes on with what an interrupted call of the same checkouts left in OUT
#
# Exit codes are those of `harness compare`: 0 nothing regressed; 1 a series regressed; 2 a bad request; 3 nothing
# regressed, but a series is inconclusive or was not measured.
set -euo pipefail

[ $# = 3 ] || { echo "usage: $0 BASE HEAD OUT" >&2; exit 2; }
base=$(realpath "$1") head=$(realpath "$2") out=$(realpath -m "$3")
python=${PYTHON:-python} rounds=${ROUNDS:-6}
# Of the directory that this was called in. A virtual environment's interpreter is a link, which has to stay one.
case $python in */*) python=$(realpath -s "$python") ;; esac
cache=${CACHE_DIR:+$(realpath -m "$CACHE_DIR")}

# Runs that are there would be gone on with, and yesterday's times called those of these checkouts.
for side in base head; do
    if [ -e "$out/$side" ] && [ "${RESUME:-}" != 1 ]; then
        echo "$out/$side is there from an earlier call. Remove it, give another OUT, or go on with it: RESUME=1" >&2
        exit 2
    fi
done
mkdir -p "$out"

# Rounds up to the number of round $2 with the checkout $1, into $OUT/$3; a run goes on where it stopped.
measure() {
    local code=0
    # The directory it runs in, and what its children find first, is the checkout and not what is installed.
    (
        cd "$1"
        PYTHONPATH=$1 "$python" -m harness run --models "${MODELS:-smoke}" --rounds "$2" --half-width 0 --budget 24h \
            --output "$out/$3" ${cache:+--cache-dir "$cache"}
    ) || code=$?
    # 1 says that a row is not ok, and the comparison says of which side.
    [ "$code" -le 1 ] || exit "$code"
}

# A machine's speed drifts: the sides take turns, round by round, and take turns in being first.
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
