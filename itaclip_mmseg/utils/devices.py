"""Where a network computes."""

import torch
from mmengine.device import get_device

from itaclip_mmseg.utils.errors import UserError, first_line


def chosen_device(name: str | None) -> str:
    """A device by its name, such as 'cpu' or 'cuda:1'; None takes the best there is.

    Raises:
        UserError: there is no such device here.
    """
    if name is None:
        return get_device()
    try:
        device = torch.empty(0, device=name).device
        if device.type == 'meta':
            raise RuntimeError('it computes nothing')
    except (RuntimeError, AssertionError) as error:  # NotImplementedError is a RuntimeError
        here = ', '.join(['cpu', *(f'cuda:{index}' for index in range(torch.cuda.device_count()))])
        reason = first_line(error).split('. ')[0].split(' device type at')[0]
        raise UserError(f'--device {name}: not possible here ({reason}); there is {here}') from error
    return name
