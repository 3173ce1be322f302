#!/bin/sh
# The simulator's part of the suite, as TAP: some seeds and those that once found something, each planted bug, a replay, a
# sweep. BUILD is the build folder. The long form: make sim, sim-planted, sim-sweep.
set -u
cd "$(dirname "$0")" || exit 1
SIMULATOR=${BUILD:-../../build}/simulator
JOBS=$(nproc)
code=0
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT

# check NAME ARGUMENTS…: fine when it ends with 0.
check() {
    name=$1
    shift
    if "$SIMULATOR" --jobs "$JOBS" "$@" >"$out" 2>&1; then
        echo "ok - $name"
    else
        echo "not ok - $name: simulator $*"
        code=1
    fi
    sed 's/^/# /' "$out"
}

check "20 days" --seed 1 --seeds 20
while read -r seed why; do
    case $seed in
    \#* | '') ;;
    *) check "the day of seed $seed ($why)" --seed "$seed" ;;
    esac
done <seeds
check "a day goes the same way twice" --seed 7 --replay
for bug in drop double leak early keyless slow; do
    check "the planted bug '$bug' is found" --plant "$bug" --seeds 100 --no-shrink
done
check "death before each change of the disk" --seed 2 --sweep --every 40
exit $code
