"""Data sets that MMSegmentation lacks, and checks of those it has."""

from itaclip_mmseg.datasets.coco import COCOObjectDataset
from itaclip_mmseg.datasets.folders import FolderDataset
from itaclip_mmseg.datasets.loading import LoadLabelMap, LoadPhotograph
from itaclip_mmseg.datasets.voc20 import PascalVOC20Dataset

__all__ = ['COCOObjectDataset', 'FolderDataset', 'LoadLabelMap', 'LoadPhotograph', 'PascalVOC20Dataset']
