"""A data preprocessor for batches of images of different sizes."""

from typing import Any

import torch
from mmseg.models import SegDataPreProcessor
from mmseg.registry import MODELS


@MODELS.register_module()
class MixedSizeDataPreProcessor(SegDataPreProcessor):
    """MMSegmentation's preprocessor, but the images of a test batch may differ in size.

    Returns `inputs` as one tensor N x 3 x H x W if all sizes are equal, else as a list of 3 x H x W.
    """

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Move the batch to the device, order the channels as RGB and normalise; see MMSegmentation's docstring."""
        if training:
            raise NotImplementedError('training-free: there is nothing to train')
        one_image = super().forward  # MMSegmentation's own steps, which differ in name between its two distributions
        images = [one_image(dict(inputs=[image]))['inputs'][0] for image in data['inputs']]
        equal = len({image.shape for image in images}) == 1
        # Ground truth stays on the CPU, where the metric is computed.
        return dict(inputs=torch.stack(images) if equal else images, data_samples=data.get('data_samples'))
