# Sourced by launch/muster: the parent of mpirun. What it adds to mpirun (CONTRACTS 11): a stop request reaches every rank and
# may take its time, the exit code is one that job scripts know, and a dead rank is named in one sentence.

# How often a stop request is repeated: a rank that had not yet installed its handlers has missed the first one.
REPEAT_S=5

# run_ranks RANKS BINARY ARGUMENTS...: runs them and exits with what they came to.
run_ranks() {
  local ranks=$1 rc status pid interrupted=0 requested=0 repeater="" options more
  shift
  trap 'requested=1' HUP INT TERM USR2 # never CONT: with it bash loses other signals
  command -v mpirun >/dev/null || refuse "mpirun is not installed, and -n $ranks needs it; launch/setup.sh installs it (Debian's openmpi-bin)"

  mpirun_options "$ranks"

  # mpirun's own words are sifted out of what the ranks say; the sifter survives signals to the whole process group.
  coproc SIFTER { trap '' HUP INT TERM USR2 && sift; }
  local sifter=$SIFTER_PID said finding
  exec {said}>&"${SIFTER[1]}" {finding}<&"${SIFTER[0]}"
  eval "exec ${SIFTER[1]}>&-"

  # A session of its own: Ctrl-C is for us to pass on, mpirun would kill the ranks. USR2 is ignored until mpirun and the ranks have
  # handlers of their own. Should this script be killed, mpirun is told to stop as well.
  (trap '' USR2 && exec setsid setpriv --pdeathsig USR2 mpirun "${options[@]}" "$@") </dev/null 2>&"$said" &
  pid=$!
  exec {said}>&-
  trap 'interrupted=1; pass_on' HUP INT TERM USR2
  [ $requested = 0 ] || pass_on # it came before there was anybody to pass it on to

  while
    interrupted=0 rc=0
    wait "$pid" || rc=$?
    [ $interrupted = 1 ] # then it was the signal that ended `wait`, not mpirun
  do :; done
  [ -z "$repeater" ] || kill "$repeater" 2>/dev/null || true # it ends by itself when mpirun is gone
  status=$(cat <&"$finding")
  wait "$sifter" || true # its words count, which `status` holds, not its code
  case $rc in
    0 | 2 | 3 | 4 | 70 | 75) exit "$rc" ;;
  esac
  echo "muster: error: ${status:-$(describe_code "a rank, or mpirun itself," "$rc")}; the same command goes on from the last checkpoint" >&2
  exit 75
}

# The words that stand before the program, in `options`.
mpirun_options() {
  options=(-n "$1" --oversubscribe --bind-to none -x GOMP_SPINCOUNT)
  [ -z "${OMP_NUM_THREADS:-}" ] || options+=(-x OMP_NUM_THREADS)
  # A host that is cut off is noticed after 12 s, not after 8 minutes.
  options+=(--mca oob_tcp_keepalive_time 5 --mca oob_tcp_keepalive_intvl 2 --mca oob_tcp_keepalive_probes 3)
  # On one host, networks need not be searched for: 0.2 s of each start.
  ! all_ranks_here || options+=(--mca pml ob1 --mca btl self,vader,tcp)
  [ "$(id -u)" -ne 0 ] || options+=(--allow-run-as-root) # containers
  read -ra more <<<"${MUSTER_MPIRUN:-}"
  options+=("${more[@]}")
}

# Whether mpirun was told of no other host, and of no transport to take.
all_ranks_here() {
  [ -z "${MUSTER_MPIRUN:-}${SLURM_JOB_ID:-}${PBS_NODEFILE:-}${LSB_HOSTS:-}${PE_HOSTFILE:-}" ] && ! env | grep -q '^\(OMPI\|PRTE\)_MCA_' &&
    ! grep -qs '^[^#]*[^#[:space:]]' /etc/openmpi/openmpi-default-hostfile &&
    ! grep -qsE '^[[:space:]]*[a-z_]*hostfile[[:space:]]*=' /etc/openmpi/openmpi-mca-params.conf && [ ! -e "${HOME:-}/.openmpi/mca-params.conf" ]
}

# mpirun forwards USR2 to the ranks of all hosts.
pass_on() {
  kill -USR2 "$pid" 2>/dev/null || true # mpirun may just have ended, and its code then tells how
  [ -z "$repeater" ] || return 0
  while sleep $REPEAT_S && kill -USR2 "$pid"; do :; done </dev/null >/dev/null 2>&1 &
  repeater=$!
}

# Passes stdin on to stderr line by line, without mpirun's reports between two lines of dashes that say how a rank ended. The last
# of these is printed at the end as one clause.
sift() {
  local line dashes report="" within=0 finding=""
  dashes=$(printf -- '-%.0s' {1..74})
  while IFS= read -r line || [ -n "$line" ]; do
    if [ "$line" = "$dashes" ]; then
      if [ $within = 1 ] && is_ending "$report"; then
        finding=$(describe_ending "$report" "$finding")
      elif [ $within = 1 ]; then
        printf '%s\n%s%s\n' "$dashes" "$report" "$dashes" >&2
      fi
      within=$((1 - within)) report=""
    elif [ $within = 1 ]; then
      report+=$line$'\n'
    elif [[ $line != "mpirun: Forwarding signal "* ]]; then
      printf '%s\n' "$line" >&2
    fi
  done
  [ -z "$report" ] || printf '%s\n%s' "$dashes" "$report" >&2
  printf '%s' "$finding"
}

is_ending() {
  case $1 in
    *"mpirun noticed that process rank"* | *"processes exited with non-zero status"* | *"MPI_ABORT was invoked"* | \
      "Primary job "*"terminated normally, but"*) return 0 ;;
  esac
  return 1
}

# describe_ending REPORT FINDING-SO-FAR
describe_ending() {
  if [[ $1 =~ process\ rank\ ([0-9]+)\ .*on\ node\ ([^\ ]+)\ exited\ on\ signal\ ([0-9]+) ]]; then
    describe_code "rank ${BASH_REMATCH[1]} on ${BASH_REMATCH[2]}" $((128 + BASH_REMATCH[3]))
  elif [[ $1 =~ Process\ name:\ \[\[[0-9]+,[0-9]+\],([0-9]+)\].*Exit\ code:\ +([0-9]+) ]]; then
    describe_code "rank ${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
  else
    printf '%s' "$2"
  fi
}

# describe_code WHO CODE: above 128 it was a signal.
describe_code() {
  local hint=""
  if [ "$2" -le 128 ]; then
    printf '%s ended with %s, which is no exit code of Muster' "$1" "$2"
    return
  fi
  [ "$2" -ne 137 ] || hint=" (by someone, or by the system when memory ran out: see dmesg)"
  printf '%s was killed by signal %s, SIG%s%s' "$1" $(($2 - 128)) "$(kill -l $(($2 - 128)))" "$hint"
}
