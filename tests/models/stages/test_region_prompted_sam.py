"""Regions that SAM draws of labels, with small random weights; Trident's golden tests have SAM's masks themselves."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from golden import photo

from itaclip_mmseg.models.backbones.sam import resize_mask
from itaclip_mmseg.models.stages import region_prompted_sam as stage
from itaclip_mmseg.models.stages.photograph import Photograph
from itaclip_mmseg.models.stages.postprocess import Result
from itaclip_mmseg.models.stages.prompts import Half, draw, find_regions
from itaclip_mmseg.models.stages.region_prompted_sam import PromptedSAMRegions, load
from itaclip_mmseg.models.stages.regions import RegionMaps
from itaclip_mmseg.utils.errors import UserError

SIZE = (90, 130)
SETTINGS = dict(type='prompted_sam', minimal_area=20, iou_threshold=0.0, mask_factor=0.5)


@pytest.fixture
def result() -> Result:
    """Three classes in stripes and a square, unsure at the right."""
    labels = torch.zeros(SIZE, dtype=torch.int64)
    labels[:, 40:80], labels[20:60, 50:110] = 1, 2
    scores = torch.full((3, *SIZE), 0.1).scatter(0, labels[None], 0.7)
    scores[..., 120:] = 0.1
    return Result('', scores, labels)


@pytest.mark.slow
@torch.no_grad()
def test_a_pixel_lies_in_the_surest_mask(network_weights, result):
    """Against all masks at once; those that SAM expects to be bad are no regions."""
    photograph = Photograph(photo(1, *SIZE))
    masks, quality, seen = drawn(network_weights, photograph, result)
    cut = max(quality.min().item(), 0)  # the worst is left out
    found = RegionMaps(SETTINGS | dict(pretrained=network_weights['sam'], iou_threshold=cut))(photograph, result=result)
    kept = [resize_mask(one, seen, SIZE) for one, good in zip(masks, quality > cut, strict=True) if good]
    number = torch.stack([torch.zeros(SIZE), *kept]).argmax(dim=0)
    assert 1 < len(kept) < len(masks) and torch.equal(found, number) and len(found.unique()) > 1


def drawn(network_weights, photograph, result):
    """All masks, their quality, and the photograph as SAM sees it."""
    settings = PromptedSAMRegions(
        pretrained=network_weights['sam'], **{key: SETTINGS[key] for key in list(SETTINGS)[1:]}
    )
    sam = load(network_weights['sam'], 'cpu')
    seen, half = sam(photograph.pixels), Half.of(result.labels, result.scores, settings.confidence_threshold)
    masks, quality = draw(find_regions(half, settings.minimal_area), half, SIZE, seen.embedding, sam, settings)
    return masks, quality, seen


@pytest.mark.parametrize(('threshold', 'numbers'), [(0.2, [[1, 1, 3], [2, 2, 0]]), (0.5, [[0, 2, 2], [1, 1, 0]])])
def test_numbers_are_those_of_the_masks_in_use(network_weights, result, monkeypatch, threshold, numbers):
    """From 1; SAM's logits above 0 are the mask, and a mask with exactly the threshold's quality is not used."""
    masks = torch.tensor([[[1.0, 3, 1], [1, 0, -1]], [[0, -2, 1], [2, 2, -1]], [[-1, 1, 2], [2, 1, 0]]])
    quality = torch.tensor([0.5, 0.6, 0.9])
    monkeypatch.setattr(stage, 'draw', lambda *given: (masks, quality))
    monkeypatch.setattr(stage, 'resize_mask', lambda mask, seen, size: mask)
    generator = PromptedSAMRegions(pretrained=network_weights['sam'], iou_threshold=threshold)
    seen = SimpleNamespace(embedding=torch.zeros(1))
    small = Result('', result.scores[:, :2, :3], result.labels[:2, :3])
    assert generator.regions_of(seen, small).tolist() == numbers


@pytest.mark.slow
def test_a_photograph_is_encoded_once(network_weights, result, monkeypatch):
    """Labels change while what SAM sees stays; labels without a region, and no confident pixel, have no region."""
    regions = RegionMaps(SETTINGS | dict(pretrained=network_weights['sam']))
    photograph = Photograph(photo(1, *SIZE))
    first = regions(photograph, result=result)
    monkeypatch.setattr(PromptedSAMRegions, 'see', None)
    assert torch.equal(regions(photograph, result=result), first) and first.any()
    assert not regions(photograph, result=result._replace(scores=result.scores * 0.1)).any()


def test_there_are_no_regions_without_labels(network_weights):
    """As for a method that computes with regions, and for files of them."""
    regions = RegionMaps(dict(type='prompted_sam', pretrained=network_weights['sam']))
    with pytest.raises(UserError, match=r"regions\.type='prompted_sam': its regions follow from labels"):
        regions(Photograph(np.zeros((*SIZE, 3), np.uint8)))


@pytest.mark.parametrize('name', ['confidence_threshold', 'minimal_area', 'mask_factor', 'iou_threshold'])
def test_impossible_settings_are_named(network_weights, name):
    with pytest.raises(UserError, match=rf'regions\.{name}=-1'):
        RegionMaps(dict(type='prompted_sam', pretrained=network_weights['sam'], **{name: -1}))


def test_without_its_weights_or_package_is_named(monkeypatch):
    with pytest.raises(UserError, match=r'sam_vit_b_01ec64\.pth: no such weights file \(get it from https://dl\.fbai'):
        RegionMaps('prompted_sam')
    monkeypatch.setitem(sys.modules, 'segment_anything', None)
    with pytest.raises(UserError, match='needs segment_anything; pip install'):
        RegionMaps('prompted_sam')
