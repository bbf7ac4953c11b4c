"""Where a network computes."""

import torch
from mmengine.device import get_device

from itaclip_mmseg.utils.errors import UserError


def chosen_device(name: str | None) -> str:
    """A device by its name, such as 'cpu' or 'cuda:1'; None takes the best there is.

    Raises:
        UserError: there is no such device here.
    """
    if name is None:
        return get_device()
    try:
        possible = torch.empty(0, device=name).device.type != 'meta'  # which computes nothing
    except (RuntimeError, AssertionError):  # what PyTorch's many backends raise
        possible = False
    if not possible:
        here = ', '.join(['cpu', *(f'cuda:{index}' for index in range(torch.cuda.device_count()))])
        raise UserError(f'--device {name}: no such device here; there is {here}')
    return name
