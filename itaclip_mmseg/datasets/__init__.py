"""Datasets and transforms that MMSegmentation lacks, and dataset checks."""

from itaclip_mmseg.datasets.cityscapes27 import Cityscapes27Dataset
from itaclip_mmseg.datasets.coco import COCOObjectDataset, COCOStuff27Dataset
from itaclip_mmseg.datasets.folders import FolderDataset
from itaclip_mmseg.datasets.loading import LoadLabelMap, LoadPhotograph
from itaclip_mmseg.datasets.photographs import KeepPhotograph, PackPhotograph
from itaclip_mmseg.datasets.resize import ResizeToPatches
from itaclip_mmseg.datasets.transforms import CropShortSide, ResizeTruth
from itaclip_mmseg.datasets.voc20 import PascalVOC20Dataset

__all__ = [
    'COCOObjectDataset',
    'COCOStuff27Dataset',
    'Cityscapes27Dataset',
    'CropShortSide',
    'FolderDataset',
    'KeepPhotograph',
    'LoadLabelMap',
    'LoadPhotograph',
    'PackPhotograph',
    'PascalVOC20Dataset',
    'ResizeToPatches',
    'ResizeTruth',
]
