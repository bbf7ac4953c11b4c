"""Trident's stages on the picture of `voc21`, and the refinement alone, against the public code's."""

import itertools
import json

import numpy as np
import pytest
import torch
from golden import DIR, hold
from golden.bounds import BOUNDS
from golden.trident_runs import ALONE, RUNS, WORDS, alone, config

from itaclip_mmseg.methods.trident.aggregation import aggregate, attention_weights
from itaclip_mmseg.methods.trident.refinement import refine
from itaclip_mmseg.methods.trident.segmentor import in_whole_patches
from itaclip_mmseg.methods.trident.windows import attend, encode_windows, in_patches, splice
from itaclip_mmseg.models import SAM
from itaclip_mmseg.models.stages.prompts import Half, Regions, draw, find_regions, mask_prompt, prompts
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.text.bank import load_bank

pytest.importorskip('segment_anything')


@pytest.fixture(scope='module')
def recorded(references):
    return references('trident')


@torch.no_grad()
def test_windows(runs, recorded):
    """Input of whole patches, windows, DINO's features, CLIP's tokens, and these in one map."""
    run = runs('voc21')
    model = run.model
    image = in_patches(run.image, 16, (336, 336))
    hold('stage_input', image[:, ::16, ::16], recorded['stage_input'], atol=1e-6)
    grid = model.grid(image)
    patches = grid.on_patches(16)
    places = [(y, x, y + 21, x + 21) for y, x in itertools.product(patches.tops, patches.lefts)]
    hold('stage_places', places, recorded['stage_places'])
    windows = grid.crop(image)
    hold('stage_dino', model.dino(windows).flatten(2).mT[:, ::21], recorded['stage_dino'], atol=1e-5)
    encoded = encode_windows(windows, model.backbone, model.dino)
    tokens = attend(*encoded, model.backbone.blocks[-1], sharpness=3, centre=1.2)
    hold('stage_last_block', tokens[:, ::21], recorded['stage_last_block'], atol=5e-3)
    hold('stage_spliced', splice(tokens, grid, 16)[:, ::2, ::2], recorded['stage_spliced'], atol=5e-3)


@torch.no_grad()
@pytest.mark.slow
def test_aggregation(runs, recorded):
    """Weights from SAM's attention and values, and what the tokens become by them."""
    run = runs('voc21')
    model, seen = run.model, run.encoded.seen
    weights = attention_weights(*model.sam.last_attention(seen), model.aggregation)
    hold('stage_sam_weights', weights[::384], recorded['stage_sam_weights'], atol=5e-6)
    aggregated = aggregate(model.spliced(run.image), seen, model.sam, model.aggregation).flatten(0, 1)
    hold('stage_aggregated', aggregated[::28], recorded['stage_aggregated'], atol=5e-3)
    hold('tokens_voc21', run.encoded.tokens.flatten(0, 1)[::7], recorded['tokens_voc21'], atol=5e-3)


def test_words():
    """The banks of the configs have the public code's words, in its order."""
    words = json.loads((DIR / 'words_trident.json').read_text())
    for dataset, name in WORDS.items():
        bank = load_bank(config(dataset).model.text_bank)
        assert [list(entry.words) for entry in bank.classes] == words[name], dataset


@pytest.mark.slow
def test_texts(build_trident, recorded):
    """The real text path, for the words of VOC21."""
    model = build_trident('voc21', 'data/text_bank/proxyclip_voc21.json')
    hold('text_voc21', model.text_encoder.encode(model.bank.words), recorded['text_voc21'], atol=2e-6)


@pytest.mark.slow
@torch.no_grad()
def test_prompts(runs, recorded):
    """Regions of the answer as points, boxes and masks, and what SAM draws of them."""
    run = runs('voc21')
    model, settings = run.model, run.model.settings
    coarse = run.answer(refine=False)
    half = Half.of(coarse.labels, coarse.scores, settings.confidence_threshold)
    regions = find_regions(half, settings.minimal_area)
    points, boxes = prompts(regions, 'cpu')
    hold('stage_prompt_boxes', boxes, recorded['stage_prompt_boxes'], atol=1e-5)
    hold('stage_prompt_points', points, recorded['stage_prompt_points'], atol=1e-5)
    masks = [mask_prompt(half.scores[one], run.size, 0.2, 0.005)[::8, ::8] for one in np.unique(regions.classes)]
    hold('stage_prompt_masks', torch.stack(masks), recorded['stage_prompt_masks'], atol=1e-7)
    logits, _ = draw(regions, half, run.size, run.encoded.seen.embedding, model.sam, settings)
    hold('stage_mask_logits', logits[:, ::8, ::8], recorded['stage_mask_logits'], atol=1e-3, most=(2e-5, 0.99))


@pytest.mark.slow
@pytest.mark.parametrize('name', ALONE)
@torch.no_grad()
def test_refinement(network_weights, recorded, name):
    """From scores to regions, masks and final scores, without the rest of the method."""
    picture, scores, settings = alone(name)
    sam, labels = SAM(network_weights['sam']), scores.argmax(dim=0)
    seen = sam(in_whole_patches(picture))
    hold(f'coarse_{name}', labels[None], recorded[f'coarse_{name}'])
    hold(f'coarse_score_{name}', scores[:, ::16, ::16], recorded[f'coarse_score_{name}'])
    half = Half.of(labels, scores, settings.confidence_threshold)
    regions = find_regions(half, settings.minimal_area)
    hold(f'regions_{name}', table(regions), recorded[f'regions_{name}'])
    _, quality = draw(regions, half, labels.shape, seen.embedding, sam, settings)
    hold(f'iou_{name}', quality, recorded[f'iou_{name}'], atol=1e-5)
    refined, drawn = refine(labels, scores, seen, sam, settings)
    hold(f'pred_{name}', refined[None], recorded[f'pred_{name}'], equal=0.999)
    hold(f'score_{name}', drawn[:, ::16, ::16], recorded[f'score_{name}'], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize('name', RUNS)
def test_runs(runs, recorded, name):
    """The whole way under each config's settings: cosines, answer, regions, final labels."""
    run = runs(name)
    share = 0.97 if name == 'voc20' else 0.99  # on some processors a pair of DINO's patches falls across the cut
    fields = (run.encoded.tokens @ run.model.text_encoder.encode(run.model.bank.words).mT).movedim(-1, 0)[None]
    cosines = Grid(fields.shape[-2:], None, None).merge(fields, run.size)
    hold(f'cos_{name}', cosines[:, ::12, ::12], recorded[f'cos_{name}'], atol=5e-3, most=(1e-5, share))
    coarse = run.answer(refine=False)
    hold(f'coarse_{name}', coarse.labels[None], recorded[f'coarse_{name}'], equal=0.9999)
    hold(
        f'coarse_score_{name}',
        coarse.scores[:, ::16, ::16],
        recorded[f'coarse_score_{name}'],
        atol=5e-2,
        most=(1e-4, share),
    )
    half = Half.of(coarse.labels, coarse.scores, run.model.settings.confidence_threshold)
    regions = find_regions(half, run.model.settings.minimal_area)
    others = int((coarse.labels[None].numpy() != recorded[f'coarse_{name}']).sum())
    hold_regions(name, regions, recorded[f'regions_{name}'], others)
    seen, model = run.encoded.seen, run.model
    _, quality = draw(regions, half, run.size, seen.embedding, model.sam, model.settings)
    hold(f'iou_{name}', quality, recorded[f'iou_{name}'], atol=2e-3)
    final = run.answer()
    BOUNDS['trident'].hold_labels(f'pred_{name}', final.labels[None], recorded[f'pred_{name}'])
    BOUNDS['trident'].hold_scores(f'score_{name}', final.scores[:, ::16, ::16], recorded[f'score_{name}'])


def table(regions: Regions) -> np.ndarray:
    """As recorded: class, box, point, area."""
    return np.hstack([regions.classes[:, None], regions.boxes, regions.points, regions.areas[:, None]])


def hold_regions(name: str, regions: Regions, expected: np.ndarray, others: int) -> None:
    """Equal, but for points on the right or bottom border, and areas by the `others` labels of the answer."""
    found = table(regions)
    assert found.shape == expected.shape
    bottom, right = (side - 1 for side in regions.index.shape)
    border = (expected[:, 5] >= right - 1) | (expected[:, 6] >= bottom - 1)
    allowed = np.zeros_like(expected)
    allowed[:, 5:7] = border[:, None]
    allowed[:, 7] = others
    hold(f'regions_{name}', np.maximum(np.abs(found - expected) - allowed, 0), np.zeros_like(expected))


def test_every_reference_is_compared(recorded):
    stages = ('input', 'places', 'dino', 'last_block', 'spliced', 'aggregated', 'prompt_boxes', 'prompt_points')
    stages += ('prompt_masks', 'mask_logits', 'sam_weights')
    network = ('stage_sam_image', 'stage_sam_features', 'stage_sam_values', 'stage_sam_attention')  # test_sam.py
    compared = {'classes', 'pictures', 'query', 'text_voc21', 'tokens_voc21', *network}
    compared |= {f'stage_{stage}' for stage in stages} | {f'cos_{name}' for name in RUNS}
    kinds = ('coarse', 'coarse_score', 'regions', 'iou', 'pred', 'score')
    compared |= {f'{kind}_{name}' for kind in kinds for name in (*RUNS, *ALONE)}
    assert set(recorded) == compared
