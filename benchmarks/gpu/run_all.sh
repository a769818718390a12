#!/usr/bin/env bash
# Everything that needs a CUDA device, in order of worth, in at most 8 minutes: run_all.sh OUT [--rehearse]
# A part that is done (OUT/PART.json is there) is not run again. --rehearse runs all of it on the CPU, tiny.
set -uo pipefail
out=${1:?"usage: run_all.sh OUT [--rehearse]"}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
out=$(cd "$out" && pwd)
python=${PYTHON:-python3}
export PYTHONPATH="$here/../..${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
failed=0

# part NAME SECONDS COMMAND...: with its own limit; what it printed is in OUT/NAME.log.
part() {
  local name=$1 seconds=$2 began=$SECONDS
  shift 2
  if [ -e "$out/$name.json" ]; then
    echo "$name: done before"
    return
  fi
  timeout --kill-after=5 "$seconds" "$python" "$@" --out "$out/$name" > "$out/$name.log" 2>&1
  local code=$?
  echo "$name: exit $code after $((SECONDS - began)) s"
  if [ $code -ne 0 ]; then
    failed=1
    tail -n 5 "$out/$name.log"
  fi
}

if [ "${2:-}" = --rehearse ]; then
  part same_numbers 300 "$here/same_numbers.py" --device cpu
  part gpu_speed 300 "$here/../gpu_speed.py" --device cpu --runs 1 --epochs 1 --candidates 4 8 --skorch-candidates 4 \
    --predicted 2000 --calls 2
  part resnet_speed 300 "$here/resnet_speed.py" --device cpu --images 32 --width 4 --batch-size 16 --runs 1
  part standard_training 300 "$here/../standard_training.py" --size rehearsal
else
  "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || {
    echo "torch finds no CUDA device here: --rehearse runs on the CPU"
    exit 2
  }
  part same_numbers 110 "$here/same_numbers.py"
  part gpu_speed 130 "$here/../gpu_speed.py"
  part resnet_speed 60 "$here/resnet_speed.py"
  part standard_training 175 "$here/../standard_training.py" --size lent --seconds 90
fi
exit $failed
