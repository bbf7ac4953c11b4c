"""Weights of networks other than CLIP: from a file to a state dict, or one line that says where the right one is."""

from torch import nn

from itaclip_mmseg.models.backbones.convert import model_entry
from itaclip_mmseg.models.backbones.weights import StateDict, read_weights, state_faults
from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import find


def read_checkpoint(pretrained: str, origin: str) -> StateDict:
    """Parameters by name, as float32 where they are floating, of a .safetensors file or of what `torch.save` wrote.

    Args:
        pretrained: path of the file; the state dict may be its 'model' or 'state_dict' entry.
        origin: which file it should be and where it is to be had, for the messages.

    Raises:
        UserError: missing, damaged, or more in it than tensors and plain containers.
    """
    path = find(pretrained, 'weights file', origin)
    state = model_entry(read_weights(path))
    tensors = {name: value for name, value in state.items() if hasattr(value, 'is_floating_point')}
    if not tensors:
        raise UserError(f'{path}: holds no state dict; {origin}')
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def load_network(network: nn.Module, state: StateDict, pretrained: str, origin: str) -> None:
    """Load every parameter, or raise a `UserError` that names the first one that does not fit."""
    if faults := state_faults(state, network.state_dict()):
        raise other_weights(pretrained, faults[0], origin)
    network.load_state_dict(state)


def other_weights(pretrained: str, fault: str, origin: str) -> UserError:
    """The error for a file that holds the weights of something else."""
    return UserError(f'{pretrained}: weights of another kind ({fault}); {origin}')
