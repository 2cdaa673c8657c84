# shellcheck shell=sh
# Read by the scenarios. `step NAME COMMAND…` prints what the command prints between two marks, the
# last of which tells its exit code: guest.py reads them back. A step that fails is the last one.
step() {
    name=$1
    shift
    echo "e2e: begin $name"
    "$@"
    code=$?
    echo "e2e: end $name $code"
    [ "$code" -eq 0 ] || exit "$code"
}
