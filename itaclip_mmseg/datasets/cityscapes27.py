"""Cityscapes with all classes that its annotators drew, but for those of the car and of the picture's rim."""

from collections.abc import Sequence

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from itaclip_mmseg.utils.colours import distinct_colours

FIRST, IGNORED = 7, 255  # label ids below the first are no classes
# fmt: off
CLASSES = (
    'road', 'sidewalk', 'parking lot', 'rail track', 'building', 'wall', 'fence', 'guard rail', 'bridge', 'tunnel',
    'pole', 'polegroup', 'traffic light', 'traffic sign', 'vegetation', 'terrain', 'sky', 'person', 'rider', 'car',
    'truck', 'bus', 'caravan', 'trailer', 'train', 'motorcycle', 'bicycle',
)
# fmt: on


@DATASETS.register_module()
class Cityscapes27Dataset(BaseSegDataset):
    """The 27 classes of label ids 7 to 33 (unsupervised segmentation is mostly evaluated so), others ignored.

    The folder is that of `CityscapesDataset`; the truth is `*_gtFine_labelIds.png`, as downloaded.
    """

    METAINFO = dict(classes=CLASSES, palette=distinct_colours(len(CLASSES)))

    def __init__(
        self, img_suffix: str = '_leftImg8bit.png', seg_map_suffix: str = '_gtFine_labelIds.png', **kwargs
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)

    @classmethod
    def get_label_map(cls, new_classes: Sequence[str] | None = None) -> dict[int, int]:
        """From a label id of the files to the label of the data set; MMSegmentation's reader applies it."""
        return dict.fromkeys(range(FIRST), IGNORED) | {FIRST + label: label for label in range(len(CLASSES))}
