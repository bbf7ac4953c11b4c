"""MMEngine's runner adapted to inference, also on CPUs, with little output on the terminal."""

import atexit
import logging
import os
from pathlib import Path

import torch
import torch.distributed
from mmengine.device import get_device
from mmengine.dist import master_only
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from mmseg.registry import RUNNERS
from torch import nn

from itaclip_mmseg.utils.errors import warn
from itaclip_mmseg.utils.resources import written_whole

PACKAGE = str(Path(__file__).parents[1])
COPY = '# The config of a run, written by itaclip_mmseg; the next run replaces it.\n'


@RUNNERS.register_module()
class InferenceRunner(Runner):
    """`Runner` without the parts that only fit training: DDP wrappers, CUDA-only launchers, long logs."""

    def setup_env(self, env_cfg: dict) -> None:
        """Support several processes without a GPU, since MMEngine's launcher requires CUDA."""
        started = torch.distributed.is_available() and torch.distributed.is_initialized()
        if self._launcher == 'pytorch' and not torch.cuda.is_available() and not started:
            torch.distributed.init_process_group('gloo')
            torch.set_num_threads(max((os.cpu_count() or 1) // torch.distributed.get_world_size(), 1))
        super().setup_env(env_cfg)
        if self._launcher != 'none' and not started:
            atexit.register(torch.distributed.destroy_process_group)  # its threads could abort the process at exit

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Move the model to the device without DDP, which refuses models without gradients."""
        return model.to(get_device())

    @master_only
    def dump_config(self) -> None:
        """Write a copy of the config beside the results. Only an earlier copy is replaced, never another file."""
        place = config_copy(self.work_dir, self.cfg.filename)
        if os.path.lexists(place) and not is_copy(place):
            if os.path.realpath(place) != os.path.realpath(self.cfg.filename):
                warn(f'{place}: is there already, so no copy of the config is kept beside the results')
            return
        with written_whole(place) as temporary:
            temporary.write_text(COPY + self.cfg.pretty_text, encoding='utf-8')

    def build_logger(self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs) -> MMLogger:
        """Log everything to the file, but only warnings and this package's lines to the terminal."""
        logger = super().build_logger(log_level, log_file, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handleError = lambda record: None  # on a full disk, do not print a traceback for each line
            else:
                handler.addFilter(lambda record: record.levelno >= logging.WARNING or PACKAGE in record.pathname)
        return logger


def config_copy(work_dir: str, filename: str) -> Path:
    """Where a run keeps a copy of its config: of any config as Python."""
    return Path(work_dir) / f'{Path(filename).stem}.py'


def is_copy(path: Path) -> bool:
    """Is a file such a copy?"""
    try:
        with open(path, encoding='utf-8') as file:
            return file.read(len(COPY)) == COPY
    except (OSError, ValueError):
        return False
