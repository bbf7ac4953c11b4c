#!/usr/bin/env bash
# Test on several GPUs (or CPU processes) of one machine: tools/dist_test.sh CONFIG NUM_PROCESSES [arguments of test.py]
set -euo pipefail
config=$1
processes=$2
# Without this, torchrun gives every process one thread and warns about it.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(($(nproc) / processes > 0 ? $(nproc) / processes : 1))}
python -m torch.distributed.run --standalone --nnodes=1 --nproc_per_node="$processes" \
    "$(dirname "$0")/test.py" "$config" --launcher pytorch "${@:3}"
