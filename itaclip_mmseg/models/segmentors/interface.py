"""The methods that MMSegmentation calls on a model, the same for every open-vocabulary segmentor."""

from collections.abc import Iterable, Sequence

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import BaseSegmentor
from mmseg.structures import SegDataSample
from torch import Tensor

from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.utils.colours import distinct_colours


class MMSegInterface(BaseSegmentor):
    """MMSegmentation's interface, for a segmentor that has `result`, `scores_and_notes`, `unify` and a text bank."""

    # MMSegmentation expects the scores of all classes in each sample, gigabytes for a large photograph. Set this to
    # False if you need only labels; they stay the same.
    with_scores: bool = True

    @torch.no_grad()
    def predict(
        self, inputs: Tensor | Sequence[Tensor], data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Segment images.

        Args:
            inputs: output of the preprocessor, N x 3 x H x W RGB, or a list of 3 x H x W if sizes differ.
            data_samples: MMSegmentation's samples; `ori_shape` is the size of the result (None: that of the input).

        Returns:
            The samples with `seg_logits` (scores, C x H x W, unless `with_scores=False`), `pred_sem_seg` (labels,
            1 x H x W) and `variant_labels` (H x W int16 by name; '' in a model without variants).
        """
        samples = as_samples(inputs, data_samples)
        for image, sample in zip(inputs, samples):
            photograph = sample.metainfo.get('photograph')
            self.pack(sample, [self.result(image, original_size(image, sample), photograph)])
        return samples

    def pack(self, sample: SegDataSample, results: Iterable[Result], names: Iterable[str] = ('',)) -> None:
        """Write results into a sample: the first in MMSegmentation's fields, the labels of all by name."""
        labels, names = {}, list(names)
        for result in results:
            result = self.unify(result, sample.metainfo.get('photograph'))
            if result.name == names[0]:
                if self.with_scores and result.scores is not None:
                    sample.seg_logits = PixelData(data=result.scores)
                sample.pred_sem_seg = PixelData(data=result.labels[None].long())
            labels[result.name] = result.labels.to(torch.int16)
            sample.set_metainfo(result.notes or {})
        sample.set_field({name: labels[name] for name in names}, 'variant_labels')

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """Not supported by default: most methods have no features apart from their scores."""
        raise NotImplementedError(f'{type(self).__name__} has no features apart from its scores; call predict')

    def encode_decode(self, inputs: Tensor | Sequence[Tensor], batch_data_samples: list[SegDataSample]) -> list[Tensor]:
        """Scores of each image before any rule, C x H x W at the original size."""
        return [
            self.scores_and_notes(image, original_size(image, sample), sample.metainfo.get('photograph'))[0]
            for image, sample in zip(inputs, batch_data_samples)
        ]

    def _forward(
        self, inputs: Tensor | Sequence[Tensor], data_samples: list[SegDataSample] | None = None
    ) -> list[Tensor]:
        """Implement MMSegmentation's mode='tensor'; see `encode_decode`."""
        return self.encode_decode(inputs, as_samples(inputs, data_samples))

    @property
    def dataset_meta(self) -> dict:
        """Class names and colours, for MMSegmentation's visualizer and inference functions."""
        names = [entry.name for entry in self.bank.classes]
        return dict(classes=names, palette=distinct_colours(len(names)))

    @dataset_meta.setter
    def dataset_meta(self, value: dict) -> None:
        """Ignored: MMSegInferencer sets the classes of Cityscapes for every model without a checkpoint."""

    def loss(self, inputs: Tensor, data_samples: list[SegDataSample]) -> dict:
        """Not supported: there is no training."""
        raise NotImplementedError('training-free: no loss')

    def train(self, mode: bool = True) -> 'MMSegInterface':
        """Training-free: always in evaluation mode."""
        return super().train(False)


def as_samples(inputs: Sequence[Tensor], data_samples: list[SegDataSample] | None) -> list[SegDataSample]:
    """Return the samples, or create them: MMSegmentation allows None."""
    return [SegDataSample() for _ in inputs] if data_samples is None else data_samples


def original_size(image: Tensor, sample: SegDataSample) -> tuple[int, int]:
    """Height and width of the image before resizing, from the sample; else of the image itself."""
    return tuple(sample.metainfo.get('ori_shape', image.shape[-2:])[:2])
