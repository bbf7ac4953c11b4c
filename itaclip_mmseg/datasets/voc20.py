"""Pascal VOC without its background class."""

from mmseg.datasets import BaseSegDataset, PascalVOCDataset
from mmseg.registry import DATASETS


@DATASETS.register_module()
class PascalVOC20Dataset(BaseSegDataset):
    """The 20 object classes of Pascal VOC 2012; background pixels (label 0) are ignored.

    The folder is the one of `PascalVOCDataset`.
    """

    METAINFO = dict(classes=PascalVOCDataset.METAINFO['classes'][1:], palette=PascalVOCDataset.METAINFO['palette'][1:])

    def __init__(self, reduce_zero_label: bool = True, **kwargs) -> None:
        super().__init__(reduce_zero_label=reduce_zero_label, **kwargs)
