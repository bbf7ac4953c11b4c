"""MMEngine's runner for models without gradients, on CPUs too, with a quiet terminal."""

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
    """Differs from `Runner` where that only fits training: DDP wrappers, CUDA-only launchers, pages of log."""

    def setup_env(self, env_cfg: dict) -> None:
        """Also start several processes without a GPU: MMEngine's launcher insists on CUDA."""
        started = torch.distributed.is_available() and torch.distributed.is_initialized()
        if self._launcher == 'pytorch' and not torch.cuda.is_available() and not started:
            torch.distributed.init_process_group('gloo')
            torch.set_num_threads(max((os.cpu_count() or 1) // torch.distributed.get_world_size(), 1))
        super().setup_env(env_cfg)
        if self._launcher != 'none' and not started:
            atexit.register(torch.distributed.destroy_process_group)  # else its threads may abort a process that ends

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Only move the model: DDP refuses models without gradients, and inference has nothing to synchronise."""
        return model.to(get_device())

    @master_only
    def dump_config(self) -> None:
        """Keep the config beside the results; a file that is none of our copies, such as the config, stays as it is."""
        place = config_copy(self.work_dir, self.cfg.filename)
        if os.path.lexists(place) and not is_copy(place):
            if os.path.realpath(place) != os.path.realpath(self.cfg.filename):
                warn(f'{place}: is there already, so no copy of the config is kept beside the results')
            return
        with written_whole(place) as temporary:
            temporary.write_text(COPY + self.cfg.pretty_text, encoding='utf-8')

    def build_logger(self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs) -> MMLogger:
        """The log file gets everything; the terminal what this package says, and warnings."""
        logger = super().build_logger(log_level, log_file, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handleError = lambda record: None  # a full disk: a traceback for each line would say no more
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
