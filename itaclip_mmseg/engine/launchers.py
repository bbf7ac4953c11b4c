"""The programs that start several processes of a run, and which process speaks for all."""

import os
import sys

from mmengine.config import Config

from itaclip_mmseg.utils.errors import UserError

# The variables that each sets, first the number of the process, and how to call it.
LAUNCHERS = {
    'pytorch': (('RANK', 'LOCAL_RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'), 'start it by tools/dist_test.sh'),
    'slurm': (('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'), 'start it by tools/slurm_test.sh'),
    'mpi': (('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_SIZE'), 'start it by mpirun'),
}


def check_launcher(launcher: str) -> None:
    """Raise a `UserError` where a launcher is named that has not started this process."""
    variables, remedy = LAUNCHERS.get(launcher, ((), ''))
    for name in variables:
        if not os.environ.get(name):
            raise UserError(
                f'--launcher {launcher}: {name} is not set, so nothing started this; {remedy}, or leave it out'
            )


def is_first_process(launcher: str) -> bool:
    """Is this the process that prints for all of a launcher? Known before they are connected."""
    variables, _ = LAUNCHERS.get(launcher, ((), ''))
    return not variables or os.environ.get(variables[0], '0') == '0'


def say(config: Config, line: str) -> None:
    """Print a line beside the results, where a pipe keeps them apart; one process for all of a launcher."""
    if is_first_process(config.get('launcher', 'none')):
        print(line, file=sys.stderr)
