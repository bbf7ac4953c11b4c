#!/usr/bin/env bash
# Test on a Slurm cluster: [GPUS=8] [GPUS_PER_NODE=8] [SRUN_ARGS=...] tools/slurm_test.sh PARTITION JOB_NAME CONFIG [arguments of test.py]
# In a batch script with `sbatch --requeue`, a preempted job resumes by itself: the same command with the same work
# folder continues with the images not counted yet, also with another number of GPUs.
set -euo pipefail
partition=$1
job_name=$2
config=$3
gpus=${GPUS:-4}
gpus_per_node=${GPUS_PER_NODE:-4}
# shellcheck disable=SC2086  # SRUN_ARGS may have several words
srun -p "$partition" --job-name="$job_name" --gres=gpu:"$gpus_per_node" --ntasks="$gpus" \
    --ntasks-per-node="$gpus_per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$(dirname "$0")/test.py" "$config" --launcher slurm "${@:4}"
