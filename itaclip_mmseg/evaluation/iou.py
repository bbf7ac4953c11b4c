"""Intersection over union from integer pixel counts, unrounded and per class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS

from itaclip_mmseg.utils.label_maps import check_range, label_picture
from itaclip_mmseg.utils.outputs import save_result
from itaclip_mmseg.utils.resources import mirrored


@dataclass(frozen=True)
class SegmentationScores:
    """MMSegmentation's scores in per cent, unrounded; pixels are summed over the whole dataset.

    Attributes:
        iou: IoU per class; nan for classes that occur in neither ground truth nor prediction.
        accuracy: recall per class; nan for classes that do not occur in the ground truth.
    """

    iou: np.ndarray
    accuracy: np.ndarray
    all_accuracy: float
    absent_as_zero: bool = False

    @classmethod
    def from_confusion(cls, confusion: np.ndarray, absent_as_zero: bool = False) -> 'SegmentationScores':
        """From pixel counts C x C, ground truth by prediction; see `ExactIoUMetric` for absent classes."""
        right = np.diag(confusion).astype(np.float64)
        truth, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
        with np.errstate(invalid='ignore', divide='ignore'):
            iou = 100 * right / (truth + predicted - right)
            return cls(iou, 100 * right / truth, float(100 * right.sum() / truth.sum()), absent_as_zero)

    def summary(self) -> dict[str, float]:
        """mIoU, aAcc and mAcc; nan if no pixel was counted."""
        iou = np.nan_to_num(self.iou) if self.absent_as_zero else self.iou
        return dict(mIoU=known_mean(iou), aAcc=self.all_accuracy, mAcc=known_mean(self.accuracy))


def known_mean(values: np.ndarray) -> float:
    """The mean of all values that are not nan; nan if there are none."""
    return float('nan') if np.isnan(values).all() else float(np.nanmean(values))


class ImageCounts(NamedTuple):
    """Pixel counts of one image.

    Attributes:
        image: path of the image.
        views: number of views that were encoded for it.
        counts: by variant, the nonzero cells of the flattened confusion matrix, int32, and their pixels, int64; empty
            for an image without a label map.
        ignored: number of ignored pixels in its label map.
        tags: scores by class, for methods that tag images.
        files: fingerprints of the image and its label and region maps, if it has any, when they were counted.
        outputs: fingerprints of what was written for it.
    """

    image: str
    views: int
    counts: dict[str, tuple[np.ndarray, np.ndarray]]
    ignored: int = 0
    tags: dict[str, float] | None = None
    files: list | None = None
    outputs: list | None = None


def tags_of(sample: dict) -> dict[str, float] | None:
    """Scores of a sample's tags by class; None if the method does not tag images."""
    return {name.strip(): score for name, score in sample['tags']['scores'].items()} if 'tags' in sample else None


def count_pixels(truth: np.ndarray, labels: np.ndarray, num_classes: int, ignore_index: int = 255) -> np.ndarray:
    """Confusion matrix C x C, ground truth by prediction, of label maps H x W; ignored pixels are skipped."""
    valid = truth != ignore_index
    cells = truth[valid].astype(np.int64) * num_classes + labels[valid]
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


@METRICS.register_module()
class ExactIoUMetric(BaseMetric):
    """MMSegmentation's mIoU without rounding, with its confusion matrix, for each variant of a model.

    Counts are kept per image until all processes are merged, so that images which a distributed sampler repeats are
    counted once.

    Args:
        ignore_index: label of ignored pixels.
        output_dir: folder to write predicted label maps to, as PNG; None writes none.
        image_dir: the dataset's folder of images, whose subfolders are mirrored in `output_dir`; None for names only.
        absent_as_zero: count a class that occurs in neither ground truth nor prediction as 0 in the mean, as some
            public evaluations do; by default it is left out.
        collect_device, prefix, collect_dir: see `BaseMetric`.
    """

    default_prefix = ''  # None would log a warning

    def __init__(
        self,
        ignore_index: int = 255,
        output_dir: str | None = None,
        image_dir: str | None = None,
        absent_as_zero: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.ignore_index, self.absent_as_zero = ignore_index, absent_as_zero
        self.output_dir, self.image_dir = output_dir, image_dir
        self.earlier: list[ImageCounts] = []  # from a run that was killed
        self.images: list[ImageCounts] = []  # all, after `evaluate`
        self.confusions: dict[str, np.ndarray] = {}

    @property
    def confusion(self) -> np.ndarray:
        """Pixel counts C x C, ground truth by prediction, of the first variant; available after `evaluate`."""
        return next(iter(self.confusions.values()))

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count one batch."""
        for sample in data_samples:
            # Each map is copied from the device once.
            variants = {name: one.cpu().numpy() for name, one in sample.get('variant_labels', {}).items()}
            variants = variants or {'': sample['pred_sem_seg']['data'].squeeze(0).cpu().numpy()}
            labels = next(iter(variants.values()))
            if self.output_dir:
                self.write_labels(labels, sample)
            image = ImageCounts(sample['img_path'], sample.get('encoded_views', 0), {}, tags=tags_of(sample))
            if 'gt_sem_seg' in sample:
                truth = sample['gt_sem_seg']['data'].squeeze(0).cpu().numpy()
                check_range(truth, self.num_classes, self.ignore_index, sample.get('seg_map_path'))
                counts = {name: self.count(truth, one) for name, one in variants.items()}
                image = image._replace(counts=counts, ignored=int((truth == self.ignore_index).sum()))
            self.results.append(image)

    def write_labels(self, labels: np.ndarray, sample: dict) -> None:
        """Write a label map H x W to the mirrored path of its image, with the label ids of the dataset's files."""
        shift = bool(sample.get('reduce_zero_label'))
        path = mirrored(sample['img_path'], self.image_dir, self.output_dir)
        save_result(label_picture(labels + shift, self.num_classes + shift), path)

    def count(self, truth: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nonzero cells of the confusion matrix; they are few, so thousands of images fit into memory."""
        counts = count_pixels(truth, labels, self.num_classes, self.ignore_index).ravel()
        cells = counts.nonzero()[0]
        return cells.astype(np.int32), counts[cells]

    def compute_metrics(self, results: list[ImageCounts]) -> dict[str, float]:
        """mIoU, aAcc and mAcc of the first variant over all images; `self.confusions` has the matrices of all."""
        shape = (self.num_classes, self.num_classes)
        self.images = [*self.earlier, *(ImageCounts(*one) for one in results)]  # MMEngine converts them to tuples
        self.encoded_views = sum(entry.views for entry in self.images)
        self.ignored = sum(entry.ignored for entry in self.images)
        self.confusions = {}
        for entry in self.images:
            for name, (cells, counts) in entry.counts.items():
                self.confusions.setdefault(name, np.zeros(shape, np.int64)).flat[cells] += counts
        self.confusions = self.confusions or {'': np.zeros(shape, np.int64)}  # without label maps
        return self.scores(self.confusion).summary()

    def scores(self, confusion: np.ndarray) -> SegmentationScores:
        """The scores of pixel counts C x C."""
        return SegmentationScores.from_confusion(confusion, self.absent_as_zero)

    @property
    def num_classes(self) -> int:
        """Number of classes of the dataset."""
        return len(self.dataset_meta['classes'])
