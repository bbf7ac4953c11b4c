"""Both versions of CorrCLIP on the small weights of their references."""

import itertools
import json

import cv2
import numpy as np
import pytest
import torch
from conftest import REPO
from golden import SEED, Stored, arrays, tiny_dino_proxy, tiny_dinov2_reg
from mmengine.config import Config
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from networks import write_state

from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.region_rules import nearest
from itaclip_mmseg.models.stages.regions import write_regions
from itaclip_mmseg.text.bank import BankClass, TextBank

# Behind the cut of step 7: a pair of patches that lies on it to within rounding falls in or out.
CUT = dict(atol=5e-3, most=(1e-5, 0.98))
LINES = 'sky wall tree wood grass road sea river mountain aeroplane bicycle bird ship bottle bus car cat chair'


@pytest.fixture(scope='session')
def references():
    return dict(corrclip=arrays('corrclip'), corrclip2=arrays('corrclip2'))


@pytest.fixture(scope='session')
def dinov2_weights(tmp_path_factory) -> str:
    return write_state(tmp_path_factory.mktemp('weights') / 'dinov2.pth', tiny_dinov2_reg.state_dict(SEED))


@pytest.fixture(scope='session')
def bank(references):
    """bank('corrclip', 'voc21'): the classes of a recording's list; without a list every word is a class."""

    def build(version: str, words: str | None) -> TextBank:
        content = json.loads(str(references[version]['classes']))
        lines = LINES.split() if words is None else content[words] if isinstance(content, dict) else content
        classes = tuple(BankClass(line.split('; ')[0], tuple(line.split('; '))) for line in lines)
        return TextBank('golden', words != 'voc20' and words is not None, classes)

    return build


@pytest.fixture(scope='session')
def region_folder(tmp_path_factory):
    return tmp_path_factory.mktemp('regions')


@pytest.fixture(scope='session')
def corrclip(newer_weights, dino_weights, dinov2_weights, bank, references, region_folder):
    """corrclip('corrclip', 'voc21', prob_threshold=0.2): a version's VOC config, its texts the stored vectors."""
    networks = dict(corrclip=(dino_weights, tiny_dino_proxy), corrclip2=(dinov2_weights, tiny_dinov2_reg))

    def build(version: str = 'corrclip', words: str | None = 'voc21', vectors: bool = True, **changes):
        settings = Config.fromfile(REPO / f'configs/corrclip/{version}_vit-b-16_voc21.py').model.to_dict()
        weights, generator = networks[version]
        settings['backbone'].update(arch=None, pretrained=newer_weights)
        settings['dino'].update(pretrained=weights, heads=generator.VISION['heads'])
        settings |= dict(text_bank=bank(version, words), regions=dict(type='files', folder=str(region_folder)))
        model = MODELS.build(settings | changes)
        if vectors:
            query = references[version]['query']
            model.text_encoder = Stored(query[-10:] if words == 'context60' else query)
        return model

    return build


@pytest.fixture(scope='session')
def photograph(region_folder):
    """photograph(regions): any picture with a region map, which lies in its file."""
    numbers = itertools.count()

    def write(regions: np.ndarray, pixels: np.ndarray | None = None) -> Photograph:
        name = f'golden{next(numbers)}'
        write_regions(region_folder / f'{name}.npz', regions)
        pixels = np.zeros((*regions.shape, 3), np.uint8) if pixels is None else pixels
        return Photograph(pixels, f'{name}.jpg')

    return write


def sample(photograph: Photograph) -> SegDataSample:
    size = photograph.pixels.shape[:2]
    return SegDataSample(metainfo=dict(ori_shape=size, photograph=photograph))


def windows_of(model, picture: torch.Tensor, regions: np.ndarray, photograph: Photograph | None = None):
    """Window, region map and features of each window, as `encode` has them."""
    grid = model.grid(picture)
    resized = nearest(torch.from_numpy(regions).long(), picture.shape[-2:])
    maps = grid.crop(resized[None], 10000)[:, 0]
    return list(zip(grid.crop(picture), maps, model.window_features(picture, grid, photograph), strict=True))


def shrunk(model, pixels: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """A picture H x W x 3 uint8, RGB, as the pipeline and the preprocessor hand it on at a size."""
    small = cv2.resize(pixels[..., ::-1], size[::-1], interpolation=cv2.INTER_LINEAR)
    return model.data_preprocessor(dict(inputs=[torch.from_numpy(small).movedim(-1, 0)]))['inputs'][0]
