"""Load parameters into a network, or raise a one-line error that names the first one that does not fit."""

from pathlib import Path

from torch import nn

from itaclip_mmseg.models.backbones.checkpoint import StateDict
from itaclip_mmseg.utils.errors import UserError


def load_network(network: nn.Module, state: StateDict, pretrained: str | Path, remedy: str) -> None:
    """Load all parameters, or raise a `UserError` that names the first one that does not fit.

    Args:
        network: gets the parameters.
        state: what `read_weights` read, by the network's names.
        pretrained: path of the file, for the message.
        remedy: what to do, for the message, such as where to get the right file.
    """
    # The number of batches that a batch norm has seen is not used here, and some files lack it.
    expected = {
        name: value
        for name, value in network.state_dict().items()
        if name in state or 'num_batches_tracked' not in name
    }
    if faults := state_faults(state, expected):
        more = f' and {len(faults) - 1} more' if len(faults) > 1 else ''
        raise other_weights(pretrained, faults[0] + more, remedy)
    network.load_state_dict(state, strict=False)  # `state_faults` is stricter


def other_weights(pretrained: str | Path, fault: str, remedy: str) -> UserError:
    """The error for a file with weights of another network."""
    return UserError(f'{pretrained}: weights of another network ({fault}); {remedy}')


def state_faults(state: StateDict, expected: StateDict) -> list[str]:
    """Describe each difference from the expected state dict: missing and unexpected names, and shapes."""
    faults = [lacks(state, name) for name in expected if name not in state]
    faults += [f'unexpected {name}' for name in state if name not in expected]
    return faults + [
        f'{name} is {tuple(state[name].shape)}, not {tuple(value.shape)}'
        for name, value in expected.items()
        if name in state and state[name].shape != value.shape
    ]


def lacks(state: StateDict, name: str) -> str:
    """Describe a missing parameter, with the prefix under which it was found, if any."""
    prefix = next((other.removesuffix(name) for other in state if other.endswith(f'.{name}')), None)
    return f'lacks {name}' + (f' (found with the prefix {prefix!r})' if prefix else '')
