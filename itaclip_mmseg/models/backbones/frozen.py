"""Base class of all networks: nothing here is trained."""

from mmengine.model import BaseModule


class FrozenNetwork(BaseModule):
    """A network that is always in evaluation mode, so that batch norm uses its stored statistics."""

    def train(self, mode: bool = True) -> 'FrozenNetwork':
        """Stay in evaluation mode, whatever `mode` is."""
        return super().train(False)
