# Sourced by the scripts of this folder: where things are, how a stage is announced, how many jobs fit.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DEPS=$ROOT/.deps
LOGS=$DEPS/log

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*"; }
fail() {
  printf '%s: error: %s\n' "$(basename "$0" .sh)" "$*" >&2
  exit 1
}

# stage NAME REMEDY COMMAND...: runs the command with its output in .deps/log/NAME.log and prints the seconds it took.
# When it fails, the last lines of the log, its path and the remedy are printed, and the script ends with 1.
stage() {
  local name=$1 remedy=$2 log=$LOGS/$1.log start=$SECONDS rc=0
  shift 2
  mkdir -p "$LOGS"
  say "$name ..."
  "$@" </dev/null >"$log" 2>&1 || rc=$?
  if [ $rc -ne 0 ]; then
    tail -n 15 "$log" | sed 's/^/  | /' >&2
    fail "stage '$name' ended with $rc after $((SECONDS - start)) s; log: $log; remedy: $remedy"
  fi
  say "$name: $((SECONDS - start)) s"
}

# One job per core, and at most one per 2 GB of free memory: a LibTorch source takes up to 1.3 GB to compile.
# nproc would answer with OMP_NUM_THREADS, which is about our programs and not about the machine.
build_jobs() {
  local cores memory_gb
  cores=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)
  memory_gb=$(awk '/^MemAvailable/ {print int($2 / 2000000)}' /proc/meminfo)
  [ "$memory_gb" -ge 1 ] || memory_gb=1
  echo $((cores < memory_gb ? cores : memory_gb))
}

# The LibTorch named by MUSTER_TORCH_DIR when setup.sh ran, else the downloaded one.
torch_root() { cat "$DEPS/torch_root" 2>/dev/null || echo "$DEPS/site-packages/torch"; }
