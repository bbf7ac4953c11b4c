"""`torch.compile` with a fallback to the uncompiled function."""

import functools
from collections.abc import Callable

import torch
from mmengine.logging import MMLogger

from itaclip_mmseg.utils.errors import first_line


def compile_or_plain(function: Callable) -> Callable:
    """Compile a function at its first call; if that fails, warn with the reason and run it uncompiled.

    Compiling needs a C++ compiler on a CPU and Triton on a GPU, which this package does not install. Errors of the
    function itself, such as out of memory, are raised as usual.
    """
    from torch._dynamo.exc import TorchDynamoException  # slow to import, and most runs do not compile

    chosen = torch.compile(function)

    @functools.wraps(function)
    def call(*args: object) -> object:
        nonlocal chosen
        if chosen is function:
            return function(*args)
        try:
            return chosen(*args)
        except TorchDynamoException as error:
            chosen = function
            MMLogger.get_current_instance().warning(
                f'compile=True: torch.compile failed ({first_line(error)}); continuing without, with the same results'
            )
            return function(*args)

    return call
