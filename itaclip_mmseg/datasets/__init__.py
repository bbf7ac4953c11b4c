"""Data sets that MMSegmentation lacks, and checks of those it has."""

from itaclip_mmseg.datasets.coco import COCOObjectDataset
from itaclip_mmseg.datasets.resize import ResizeToPatches
from itaclip_mmseg.datasets.voc20 import PascalVOC20Dataset

__all__ = ['COCOObjectDataset', 'PascalVOC20Dataset', 'ResizeToPatches']
