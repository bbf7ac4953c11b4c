"""Networks are built without random parameters, since their weights replace them."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch.nn import init
from torch.overrides import TorchFunctionMode

# What PyTorch's layers, open_clip and timm draw their parameters by.
DRAWING = {torch.Tensor.normal_, torch.Tensor.uniform_, init.normal_, init.uniform_, init.kaiming_uniform_}


class Undrawn(TorchFunctionMode):
    """Leave parameters as they are in memory instead of drawing them, for networks that `load_network` fills.

    Drawing them takes a second of a processor for a ViT-B/16, three for a ViT-L/14. Other threads are not affected.
    """

    def __torch_function__(
        self, func: Callable, types: Sequence[type], args: Sequence = (), kwargs: Mapping | None = None
    ) -> object:
        """Call a function of PyTorch, unless it draws values into a tensor: then return the tensor."""
        kwargs = kwargs or {}
        if func in DRAWING:
            return kwargs['tensor'] if 'tensor' in kwargs else args[0]
        return func(*args, **kwargs)
