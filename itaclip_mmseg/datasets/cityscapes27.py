"""Cityscapes with 27 classes: all annotated ones except the ego vehicle and the image border."""

from collections.abc import Sequence

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from itaclip_mmseg.utils.colours import distinct_colours

FIRST, IGNORED = 7, 255  # label ids below the first are not classes
# fmt: off
CLASSES = (
    'road', 'sidewalk', 'parking lot', 'rail track', 'building', 'wall', 'fence', 'guard rail', 'bridge', 'tunnel',
    'pole', 'polegroup', 'traffic light', 'traffic sign', 'vegetation', 'terrain', 'sky', 'person', 'rider', 'car',
    'truck', 'bus', 'caravan', 'trailer', 'train', 'motorcycle', 'bicycle',
)
# fmt: on


@DATASETS.register_module()
class Cityscapes27Dataset(BaseSegDataset):
    """Cityscapes with the 27 classes of label ids 7 to 33, as in unsupervised segmentation; other ids are ignored.

    It uses the folder of `CityscapesDataset` with the downloaded label maps, `*_gtFine_labelIds.png`.
    """

    METAINFO = dict(classes=CLASSES, palette=distinct_colours(len(CLASSES)))

    def __init__(
        self, img_suffix: str = '_leftImg8bit.png', seg_map_suffix: str = '_gtFine_labelIds.png', **kwargs
    ) -> None:
        super().__init__(img_suffix=img_suffix, seg_map_suffix=seg_map_suffix, **kwargs)

    @classmethod
    def get_label_map(cls, new_classes: Sequence[str] | None = None) -> dict[int, int]:
        """Map from the files' label ids to the dataset's labels; MMSegmentation applies it when loading."""
        return dict.fromkeys(range(FIRST), IGNORED) | {FIRST + label: label for label in range(len(CLASSES))}
