"""Trident's recorded runs: their configs, class lines and pictures, and our answers to them."""

import functools
import json
from collections.abc import Callable

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from golden import SEED, Stored, arrays, photo, tiny_sam
from itaclip_mmseg.methods.trident.settings import TridentSettings
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.text.bank import BankClass, TextBank
from itaclip_mmseg.utils.resources import ROOT

RUNS = {  # data set and class lines
    'voc21': ('voc21', 'with_background'),
    'context60': ('context60', 'without'),
    'object': ('coco-object', 'with_background'),
    'stuff': ('coco-stuff171', 'without'),
    'voc20': ('voc20', 'without'),
    'cityscapes': ('cityscapes19', 'without'),
    'ade20k': ('ade20k150', 'without'),
    'context59': ('context59', 'without'),
}
WORDS = {  # names of the data sets in words_trident.json
    'voc21': 'voc21',
    'context60': 'context60',
    'coco-object': 'coco_object',
    'voc20': 'voc20',
    'context59': 'context59',
    'coco-stuff171': 'coco_stuff',
    'ade20k150': 'ade20k',
    'cityscapes19': 'city_scapes',
}
ALONE = {  # the refinement alone: number of the picture, its size, classes, settings
    'alone_a': (30, (240, 330), 9, dict(confidence_threshold=0.2)),
    'alone_b': (
        31,
        (301, 203),
        7,
        dict(confidence_threshold=0.3, minimal_area=60, mask_factor=0.05, iou_threshold=0.9),
    ),
}


class Run:
    """A recorded run on a model, its texts the stored vectors.

    Args:
        name: one of `RUNS`.
        build: from a data set and a bank to its config's model on small weights.
    """

    def __init__(self, name: str, build: Callable[[str, TextBank], nn.Module]) -> None:
        recorded, dataset = arrays('trident'), RUNS[name][0]
        self.model = build(dataset, class_lines(name))
        self.model.text_encoder = Stored(recorded['query'][: len(self.model.bank.words)])
        self.photograph = Photograph(photo(*json.loads(str(recorded['pictures']))[name]))
        self.size = self.photograph.pixels.shape[:2]

        init_default_scope('mmseg')
        steps = config(dataset).test_pipeline
        pipeline = Compose([dict(type='LoadImageFromNDArray'), *(one for one in steps if 'Load' not in one.type)])
        pixels = pipeline(dict(img=self.photograph.pixels[..., ::-1].copy()))['inputs']
        self.image = self.model.data_preprocessor(dict(inputs=[pixels]))['inputs'][0]

    @functools.cached_property
    def encoded(self) -> object:
        """The half that does not depend on words."""
        return self.model.encode(self.image, photograph=self.photograph)

    @torch.no_grad()
    def answer(self, **changes: object) -> Result:
        """The other half."""
        return self.model.decode(self.encoded, self.model.bank, changes, self.size, True)


def config(dataset: str) -> Config:
    """Trident's config of a data set."""
    return Config.fromfile(ROOT / f'configs/trident/trident_vit-b-16_{dataset}.py')


def class_lines(name: str) -> TextBank:
    """The class lines of a run."""
    dataset, kind = RUNS[name]
    lines = [line.split('; ') for line in json.loads(str(arrays('trident')['classes']))[kind]]
    background = dataset in ('voc21', 'context60', 'coco-object')  # whatever class 0 is called here
    return TextBank('golden', background, tuple(BankClass(words[0], tuple(words)) for words in lines))


def alone(name: str) -> tuple[np.ndarray, torch.Tensor, TridentSettings]:
    """Picture, scores C x H x W and settings of a refinement by itself."""
    number, size, classes, settings = ALONE[name]
    scores = torch.from_numpy(tiny_sam.scores(SEED + number, classes, *size))
    return photo(number, *size), scores, TridentSettings(**settings)
