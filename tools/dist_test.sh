#!/usr/bin/env bash
# Test on several GPUs (or CPU processes) of one machine:
#   [RESTARTS=3] tools/dist_test.sh CONFIG NUM_PROCESSES [arguments of test.py]
# If a process is killed, all are restarted, up to RESTARTS times, and continue with the images not counted yet.
set -euo pipefail
config=$1
processes=$2
# By default, torchrun gives every process one thread and warns about it.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(($(nproc) / processes > 0 ? $(nproc) / processes : 1))}
# A shared store would keep the addresses of the earlier processes, so that a restart fails.
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=${TORCH_DISABLE_SHARE_RDZV_TCP_STORE:-1}
exec python -m torch.distributed.run --standalone --nnodes=1 --nproc_per_node="$processes" \
    --max-restarts="${RESTARTS:-0}" \
    "$(dirname "$0")/test.py" "$config" --launcher pytorch "${@:3}"
