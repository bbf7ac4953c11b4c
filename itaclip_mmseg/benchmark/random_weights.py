"""Random weights for every network of a model: times and memory are the same, and nothing need be downloaded."""

import copy
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from mmseg.registry import MODELS

from itaclip_mmseg.utils.errors import UserError


def random_weights(model: MutableMapping, folder: Path, where: str = 'model') -> MutableMapping:
    """The config of a model with random weights in all its networks.

    A network is a dict of `type` and `pretrained`, wherever it stands in the config. Its class says how it comes to
    random weights: `random_weights(config)` returns a config that needs no file, `write_random_weights(config, path)`
    writes one.

    Args:
        model: config of a model, which is left as it is.
        folder: for files of weights, which the model reads when it is built.
        where: its key, for errors.

    Raises:
        UserError: a network cannot be had with random weights.
    """
    model = without_weights(copy.copy(model), folder, where)
    for key, network in model.items():
        if isinstance(network, Mapping):
            model[key] = random_weights(network, folder, f'{where}.{key}')
    return model


def without_weights(network: MutableMapping, folder: Path, where: str) -> MutableMapping:
    """The config of a network as its class changes it; one that asks for no weights as it is."""
    kind = network.get('type')
    registered = MODELS.get(kind) if kind else None
    if hasattr(registered, 'random_weights'):
        return type(network)(registered.random_weights(network))
    if not network.get('pretrained'):
        return network
    if not hasattr(registered, 'write_random_weights'):
        raise UserError(f'--random-weights: {where} ({kind}) cannot be built without its weights; leave the option out')
    path = folder / f'{where}.safetensors'
    registered.write_random_weights(network, path)
    return type(network)(network, pretrained=str(path))
