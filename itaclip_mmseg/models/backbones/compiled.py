"""`torch.compile` where it works, the plain function where it does not."""

import functools
from collections.abc import Callable

import torch
from mmengine.logging import MMLogger

from itaclip_mmseg.utils.errors import first_line


def compile_or_plain(function: Callable) -> Callable:
    """A function compiled at its first call; where that fails, the function itself, and a warning that says why.

    Compiling needs a C++ compiler on a CPU and Triton on a GPU; neither is a dependency of ours. Errors of the function
    itself, such as a lack of memory, are raised as ever.
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
                f'compile=True: torch.compile failed ({first_line(error)}); going on without, to the same results'
            )
            return function(*args)

    return call
