"""Random weights for all networks of a model: time and memory are the same, and nothing is downloaded."""

import copy
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from mmseg.registry import MODELS

from itaclip_mmseg.utils.errors import UserError


def random_weights(model: MutableMapping, folder: Path, where: str = 'model') -> MutableMapping:
    """Return a model's config with random weights in all its networks.

    A network is a dict with `type` and `pretrained` anywhere in the config. Its class provides either
    `random_weights(config)`, which returns a config that needs no file, or `write_random_weights(config, path)`, which
    writes a file.

    Args:
        model: config of a model; it is not changed.
        folder: folder for weights files, which the model reads when it is built.
        where: key of the model, for errors.

    Raises:
        UserError: a network does not support random weights.
    """
    model = without_weights(copy.copy(model), folder, where)
    for key, network in model.items():
        if isinstance(network, Mapping):
            model[key] = random_weights(network, folder, f'{where}.{key}')
    return model


def without_weights(network: MutableMapping, folder: Path, where: str) -> MutableMapping:
    """Config of a network with random weights by its class; unchanged if it needs no weights."""
    kind = network.get('type')
    registered = MODELS.get(kind) if kind else None
    if hasattr(registered, 'random_weights'):
        return type(network)(registered.random_weights(network))
    if not network.get('pretrained'):
        return network
    if not hasattr(registered, 'write_random_weights'):
        raise UserError(f'--random-weights: {where} ({kind}) cannot be built with random weights; leave the option out')
    path = folder / f'{where}.safetensors'
    registered.write_random_weights(network, path)
    return type(network)(network, pretrained=str(path))
