"""Batches of images of different sizes."""

from typing import Any

import torch
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS


@MODELS.register_module()
class MixedSizeDataPreProcessor(SegDataPreProcessor):
    """MMSegmentation's preprocessor, without its demand that the images of a test batch are equally large.

    Returns `inputs` as one tensor N x 3 x H x W where the sizes allow it, else as a list of 3 x H x W.
    """

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Move to the device, order the channels as RGB, normalise; see MMSegmentation's docstring."""
        if training:
            raise NotImplementedError('training-free: there is nothing to train')
        one_image = super().forward  # MMSegmentation's own steps, which differ in name between its two distributions
        images = [one_image(dict(inputs=[image]))['inputs'][0] for image in data['inputs']]
        equal = len({image.shape for image in images}) == 1
        # Truths stay where they are: they are counted on the CPU.
        return dict(inputs=torch.stack(images) if equal else images, data_samples=data.get('data_samples'))
