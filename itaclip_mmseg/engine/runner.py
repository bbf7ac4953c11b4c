"""MMEngine's runner adapted to inference, also on CPUs, with little output on the terminal."""

import atexit
import logging
import os
from pathlib import Path

import torch
import torch.distributed
from mmengine.device import get_device
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from mmseg.registry import RUNNERS
from torch import nn

PACKAGE = str(Path(__file__).parents[1])


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

    def dump_config(self) -> None:
        """Write the config to the work folder, unless it is already that file."""
        if not is_in(Path(self.work_dir), self.cfg.filename):
            super().dump_config()

    def build_logger(self, log_level: int | str = 'INFO', log_file: str | None = None, **kwargs) -> MMLogger:
        """Log everything to the file, but only warnings and this package's lines to the terminal."""
        logger = super().build_logger(log_level, log_file, **kwargs)
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handleError = lambda record: None  # on a full disk, do not print a traceback for each line
            else:
                handler.addFilter(lambda record: record.levelno >= logging.WARNING or PACKAGE in record.pathname)
        return logger


def is_in(folder: Path, path: str | None) -> bool:
    """Whether a file is directly in a folder, also through a link."""
    return path is not None and os.path.realpath(folder / Path(path).name) == os.path.realpath(path)
