"""Launchers, which start several processes of a run, and printing from the first process only."""

import os
import sys

from mmengine.config import Config

from itaclip_mmseg.utils.errors import UserError

# The environment variables that each sets, the process number first, and how to start it.
LAUNCHERS = {
    'pytorch': (('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'), 'use tools/dist_test.sh'),
    'slurm': (('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'), 'use tools/slurm_test.sh'),
    'mpi': (('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_SIZE'), 'use mpirun'),
}


def check_launcher(launcher: str) -> None:
    """Raise a `UserError` if the launcher given has not started this process."""
    variables, remedy = LAUNCHERS.get(launcher, ((), ''))
    for name in variables:
        if not os.environ.get(name):
            raise UserError(
                f'--launcher {launcher}: {name} is not set, so no launcher runs; {remedy}, or remove --launcher'
            )


def is_first_process(launcher: str) -> bool:
    """Whether this is the process that prints for all; works before the processes are connected."""
    variables, _ = LAUNCHERS.get(launcher, ((), ''))
    return not variables or os.environ.get(variables[0], '0') == '0'


def say(config: Config, line: str) -> None:
    """Print a line to stderr, apart from the results, from the first process only."""
    if is_first_process(config.get('launcher', 'none')):
        print(line, file=sys.stderr)
