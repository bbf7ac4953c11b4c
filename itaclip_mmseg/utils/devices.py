"""The device that networks run on."""

import torch
from mmengine.device import get_device

from itaclip_mmseg.utils.errors import UserError


def chosen_device(name: str | None) -> str:
    """Check the name of a device, such as 'cpu' or 'cuda:1'; None chooses the best available one.

    Raises:
        UserError: this machine has no such device.
    """
    if name is None:
        return get_device()
    try:
        possible = torch.empty(0, device=name).device.type != 'meta'  # the meta device computes nothing
    except (RuntimeError, AssertionError):  # PyTorch's backends raise either
        possible = False
    if not possible:
        here = ', '.join(['cpu', *(f'cuda:{index}' for index in range(torch.cuda.device_count()))])
        raise UserError(f'--device {name}: not available on this machine; choose one of {here}')
    return name
