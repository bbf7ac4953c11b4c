"""Random weights for every network of a model: times and memory are the same, and nothing need be downloaded."""

import copy
from collections.abc import Mapping, MutableMapping

from mmseg.registry import MODELS

from itaclip_mmseg.utils.errors import UserError


def random_weights(model: MutableMapping, where: str = 'model') -> MutableMapping:
    """The config of a model with random weights in all its networks.

    A network is a dict of `type` and `pretrained`, wherever it stands in the config. Its class says how it is built
    without weights, in a static method `random_weights(config)` that returns the changed config.

    Args:
        model: config of a model, which is left as it is.
        where: its key, for errors.

    Raises:
        UserError: a network cannot be had with random weights.
    """
    model = copy.copy(model)
    for key, network in model.items():
        if isinstance(network, Mapping):
            network = random_weights(network, f'{where}.{key}')
            model[key] = without_weights(network, f'{where}.{key}') if network.get('pretrained') else network
    return model


def without_weights(network: Mapping, where: str) -> dict:
    """The config of a network, as its class changes it."""
    kind = network.get('type')
    change = getattr(MODELS.get(kind), 'random_weights', None) if kind else None
    if change is None:
        raise UserError(f'--random-weights: {where} ({kind}) cannot be built without its weights; leave the option out')
    return change(network)
