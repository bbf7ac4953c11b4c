"""Intersection over union from whole-number counts, unrounded and by class."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS
from PIL import Image

from itaclip_mmseg.errors import UserError
from itaclip_mmseg.resources import written_whole


@dataclass(frozen=True)
class SegmentationScores:
    """MMSegmentation's figures in per cent, unrounded: areas are summed over the whole set.

    Attributes:
        iou: by class; nan where it occurs on neither side, and then left out of the mean.
        accuracy: recall by class; nan where the truth lacks the class.
    """

    iou: np.ndarray
    accuracy: np.ndarray
    all_accuracy: float

    @classmethod
    def from_confusion(cls, confusion: np.ndarray) -> 'SegmentationScores':
        """From pixel counts C x C, truth by prediction."""
        right = np.diag(confusion).astype(np.float64)
        truth, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
        with np.errstate(invalid='ignore', divide='ignore'):
            iou = 100 * right / (truth + predicted - right)
            return cls(iou, 100 * right / truth, float(100 * right.sum() / truth.sum()))

    def summary(self) -> dict[str, float]:
        """mIoU, aAcc and mAcc."""
        with np.errstate(invalid='ignore'):
            return dict(mIoU=float(np.nanmean(self.iou)), aAcc=self.all_accuracy, mAcc=float(np.nanmean(self.accuracy)))


def count_pixels(truth: np.ndarray, labels: np.ndarray, num_classes: int, ignore_index: int = 255) -> np.ndarray:
    """Confusion matrix C x C, truth by prediction, of label maps H x W; ignored pixels are left out."""
    valid = truth != ignore_index
    cells = truth[valid].astype(np.int64) * num_classes + labels[valid]
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


@METRICS.register_module()
class ExactIoUMetric(BaseMetric):
    """MMSegmentation's mIoU without its rounding, with the confusion matrix it came from.

    Each image's counts are kept apart until all processes are merged, so images that a sampler repeats to give every
    process equally many are dropped before they are counted.

    Args:
        ignore_index: label of pixels that do not count.
        output_dir: where label maps are written as PNG; None for nowhere.
        collect_device, prefix, collect_dir: see `BaseMetric`.
    """

    default_prefix = ''  # None would log a warning

    def __init__(self, ignore_index: int = 255, output_dir: str | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.ignore_index, self.output_dir = ignore_index, output_dir
        self.confusion: np.ndarray | None = None

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count one batch."""
        for sample in data_samples:
            labels = sample['pred_sem_seg']['data'].squeeze(0).cpu().numpy()
            if self.output_dir:
                write_labels(labels, sample, Path(self.output_dir))
            truth = sample['gt_sem_seg']['data'].squeeze(0).cpu().numpy()
            num_classes = len(self.dataset_meta['classes'])
            highest = truth[truth != self.ignore_index].max(initial=0)
            if highest >= num_classes:
                raise UserError(
                    f'{sample["seg_map_path"]}: holds label {highest}, but the data set has {num_classes} classes; '
                    'convert the label maps (data/README.md)'
                )
            counts = count_pixels(truth, labels, num_classes, self.ignore_index).ravel()
            cells = counts.nonzero()[0]  # few of C x C: thousands of images fit into memory
            self.results.append((cells.astype(np.int32), counts[cells]))

    def compute_metrics(self, results: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
        """mIoU, aAcc and mAcc over all images; the confusion matrix stays in `self.confusion`."""
        num_classes = len(self.dataset_meta['classes'])
        self.confusion = np.zeros(num_classes**2, np.int64)
        for cells, counts in results:
            self.confusion[cells] += counts
        self.confusion = self.confusion.reshape(num_classes, num_classes)
        return SegmentationScores.from_confusion(self.confusion).summary()


def write_labels(labels: np.ndarray, sample: dict, folder: Path) -> None:
    """Write a label map H x W as PNG under the image's name, in the ids of the data set's own files."""
    ids = labels + 1 if sample.get('reduce_zero_label') else labels
    with written_whole(folder / f'{Path(sample["img_path"]).stem}.png') as temporary:
        Image.fromarray(ids.astype(np.uint8)).save(temporary)
