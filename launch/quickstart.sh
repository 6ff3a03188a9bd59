#!/bin/bash
# The whole chain on the pictures that ship with Muster, on two ranks: sets up, builds, packs, trains (stopped halfway, and on again),
# evaluates, exports, labels a folder of tiles and photos, and says what to look at. Everything lands in runs/quickstart/, which is
# cleared first.
#
#   launch/quickstart.sh                 25 minutes on two cores at most, half of it the build; a second time under 10
#   launch/quickstart.sh steps=40        keys for `muster train`, here a run that learns little
#
#   QUICKSTART_RANKS=4                   ranks that train, evaluate and label (2)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in
  -h | --help) sed -n '2,/^set /{/^set /d;s/^# \?//;p}' "$0"; exit 0 ;;
esac
cd "$ROOT"
RANKS=${QUICKSTART_RANKS:-2}
OUT=runs/quickstart
TRAIN=(launch/muster -n "$RANKS" train configs/quickstart.yaml "out=$OUT" "$@")

# begin TITLE and done_ frame a stage whose output is the user's to read.
begin() {
  stage_start=$SECONDS
  printf '\n== %s (after %d s)\n' "$1" "$SECONDS"
}
done_() { say "${1:-done} in $((SECONDS - stage_start)) s"; }

# The step of the newest record of the run, 0 before there is one.
last_step() {
  local step
  step=$(grep -o '^{"step":[0-9]*' "$OUT/metrics.jsonl" 2>/dev/null | tail -n 1) || true # no file, or no record in it yet
  echo $((${step##*:} + 0))
}

# train_until STEP: starts the training, and sends TERM to launch/muster when it has come so far.
train_until() {
  local pid rc=0
  "${TRAIN[@]}" &
  pid=$!
  trap 'kill -TERM "$pid" 2>/dev/null; wait "$pid"; exit 75' INT TERM
  while [ "$(last_step)" -lt "$1" ] && kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
  say "step $(last_step): sending SIGTERM, as a cluster does before it takes the machine away"
  kill -TERM "$pid" 2>/dev/null || true # a run that ended by itself fails the next check
  wait "$pid" || rc=$?
  trap - INT TERM
  [ $rc -eq 75 ] || fail "the stopped run ended with $rc, not with 75; see $OUT/train.log"
  say "ended with 75: saved, the same command goes on"
}

# The pictures to label: a tree of folders, as collections have it.
make_tree() {
  mkdir -p "$1/tiles" "$1/photos"
  cp datasets/sample/val/images/* "$1/tiles/"
  cp -r datasets/sample/photos/*.jpg datasets/sample/photos/*/ "$1/photos/"
}

# Median of images_per_s over the records of training.
training_speed() {
  grep -o '"images_per_s":[0-9.]*' "$OUT/metrics.jsonl" | cut -d: -f2 | sort -n | awk '{v[NR] = $1} END {printf "%.1f", v[int((NR + 1) / 2)]}'
}

summary() {
  echo "Muster's quickstart: $RANKS ranks, $SECONDS s in all"
  echo
  echo "scores on the 16 validation tiles (exported_best, at original resolution):"
  cat "$OUT/eval/table.txt"
  echo
  echo "training: $(training_speed) images/s over all ranks, validations and saves left out"
  echo "labelling: $(grep 'images labelled in' "$OUT/autolabel.txt")"
  echo
  echo "look at:"
  echo "  $OUT/contact_sheet.png             image, truth and prediction of 8 validation tiles"
  echo "  $OUT/labels/                       masks of tiles and photos, pixel value = class id"
  echo "  $OUT/labels/_muster/overlays/      the same over the pictures; the photos are nothing that the model has learned"
  echo "  $OUT/metrics.jsonl, train.log      each recorded step, and what was said; events.out.tfevents.* for TensorBoard"
  echo "  $OUT/checkpoints/                  where the run was stopped and went on"
  echo "  $OUT/quickstart.safetensors        the best weights, with class list and image rules"
}

begin "1/8 set up"
launch/setup.sh
begin "2/8 build (the first time about 6 minutes on two cores; progress in .deps/log/build.log)"
stage build "see the log; launch/build.sh dev muster repeats it" launch/build.sh dev muster

begin "3/8 pack datasets/sample"
launch/muster pack datasets/sample/pack.yaml
done_

rm -rf "$OUT"
steps=$(launch/muster train configs/quickstart.yaml "$@" --print-config | awk '$1 == "steps:" {print $2}')
begin "4/8 train on $RANKS ranks, to be stopped halfway through $steps steps"
train_until $((steps / 2))
done_ "half of the training"

begin "5/8 the same command again"
"${TRAIN[@]}"
done_ "the other half"

begin "6/8 evaluate, and draw the contact sheet"
mkdir -p "$OUT/eval"
launch/muster -n "$RANKS" eval "model=$OUT" data=runs/sample "out=$OUT/eval" "contact_sheet=$OUT/contact_sheet.png" | tee "$OUT/eval/table.txt"
done_

begin "7/8 export"
launch/muster export "model=$OUT" "out=$OUT/quickstart.safetensors"
done_

begin "8/8 label a folder of tiles and photos with $RANKS ranks"
make_tree "$OUT/to_label"
launch/muster -n "$RANKS" autolabel "model=$OUT" "data=$OUT/to_label" "out=$OUT/labels" 2>&1 | tee "$OUT/autolabel.txt"
done_

printf '\n'
summary | tee "$OUT/summary.txt"
