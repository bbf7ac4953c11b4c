#!/usr/bin/env bash
# Test on several GPUs (or CPU processes) of one machine:
#   [RESTARTS=3] tools/dist_test.sh CONFIG NUM_PROCESSES [arguments of test.py]
# Where a process is killed, all are started again, RESTARTS times, and go on with the images that are not counted yet.
set -euo pipefail
config=$1
processes=$2
# Without this, torchrun gives every process one thread and warns about it.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(($(nproc) / processes > 0 ? $(nproc) / processes : 1))}
# A restart must not meet the addresses of the processes before it, which the shared store would still hold.
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=${TORCH_DISABLE_SHARE_RDZV_TCP_STORE:-1}
exec python -m torch.distributed.run --standalone --nnodes=1 --nproc_per_node="$processes" \
    --max-restarts="${RESTARTS:-0}" \
    "$(dirname "$0")/test.py" "$config" --launcher pytorch "${@:3}"
