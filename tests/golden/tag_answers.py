"""What our code says of TAGCLIP's recorded cases, under the names of the arrays in `tagclip` and `clipes`."""

import json

import numpy as np
import torch

from golden import arrays, photo
from itaclip_mmseg.last_inputs import Keep, LastInputs
from itaclip_mmseg.methods.tagclip import tagging
from itaclip_mmseg.methods.tagclip.segmentor import EPS, TagCLIP
from itaclip_mmseg.models.backbones.attention import attention_map, attention_sums
from itaclip_mmseg.models.stages import affinity, class_activation
from itaclip_mmseg.models.stages.boxes import Box
from itaclip_mmseg.models.stages.crf import dense_crf, unary_of, wrapped_picture
from itaclip_mmseg.models.stages.photograph import whole_patches

Answers = dict[str, np.ndarray]
CONFIGS = {'voc2012': 'voc21', 'coco2017': 'coco-object', 'cocostuff': 'coco-stuff171'}
CASES = {name: tuple(place) for name, place in json.loads(str(arrays('tagclip')['cases'])).items()}


def every(values: torch.Tensor | np.ndarray, rows: int) -> np.ndarray:
    """Grids with more than 100 patches keep every 7th row."""
    return np.asarray(values)[:: 7 if rows > 100 else 1]


def rows_of(boxes: list[list[Box]], indices: list[int]) -> np.ndarray:
    """Rows of a number, x0, y0, x1, y1."""
    return np.array([(index, *box) for index, own in zip(indices, boxes) for box in own], np.uint8)


def prepare(model: TagCLIP, case: str, positions: str = 'bilinear_half') -> tuple[np.ndarray, torch.Tensor, LastInputs]:
    """Picture, pixels and the last block's inputs."""
    picture = photo(*CASES[case][1:])
    pixels = whole_patches(picture, model.backbone.patch_size)
    return picture, pixels, model.backbone.shared_blocks(pixels, Keep.projections(model.all_layers), positions)


@torch.no_grad()
def tag_answers(model: TagCLIP, case: str) -> Answers:
    """Stage 1."""
    positions = 'bilinear' if case == 'voc_b' else 'bilinear_half'  # 224 x 224 is left alone
    _, pixels, inputs = prepare(model, case, positions)
    settings, backbone, grid = model.settings, model.backbone, inputs.grid
    size = grid[0] * grid[1]
    (x,) = attention_sums(backbone.blocks[-1], inputs.x, inputs.qkv, [tagging.OWN_VALUE], {})
    tokens = backbone.project_tokens(x)[0]
    maps = affinity.patch_attention(inputs, model.all_layers)
    spread_by = affinity.voted_attention(maps, settings.spread_layers, settings.min_votes)
    coarse = (settings.logit_scale * tokens[1:] @ model.tag_texts.mT).softmax(dim=-1)
    spread = spread_by @ coarse
    boxes = tagging.answer_boxes(spread, grid)
    refined = tagging.refine_in_boxes(coarse, spread_by, boxes, grid)
    found = tagging.reweight(backbone, pixels, refined, model.tag_texts, len(model.names), settings.tag_share, 100)
    tags = tagging.above(found.scores, found.scores, settings.tag_share) or [int(found.scores.argmax())]
    whole = torch.stack([attention_map(inputs.qkv[layer])[0].mean(dim=0) for layer in (1, 12)])
    return dict(
        features=every(tokens, size),
        attention=np.stack([every(one, size) for one in whole]),
        votes=every(affinity.votes(maps), size).astype(np.uint8),
        w=every(spread_by, size),
        coarse=every(coarse, size),
        spread=every(spread, size),
        refined=every(refined, size),
        boxes=rows_of(boxes, range(len(boxes))),
        score_first=refined[:, : len(model.names)].amax(dim=0).numpy(),
        score=model.tag_scores(pixels, prepare(model, case)[2]).numpy(),
        candidates=np.array(found.indices, np.uint8),
        reweighted=np.array(found.reweighted, np.uint8),
        tags=np.array(tags, np.uint8),
    )


@torch.no_grad()
def early_answers(model: TagCLIP) -> Answers:
    """Step 7 on a made-up matrix, where an empty box ends it."""
    _, pixels, _ = prepare(model, 'voc_a')
    logits = torch.from_numpy(arrays('tagclip')['early/logits'])
    found = tagging.reweight(model.backbone, pixels, logits, model.tag_texts, 20, 0.5, 100)
    return dict(
        score=found.scores.numpy(),
        candidates=np.array(found.indices, np.uint8),
        reweighted=np.array(found.reweighted, np.uint8),
    )


@torch.no_grad()
def map_answers(model: TagCLIP, case: str, keys: list[int], stuff27: np.ndarray, crf: bool) -> Answers:
    """Stage 2 of given tags."""
    picture, _, inputs = prepare(model, case)
    settings, size = model.settings, inputs.grid[0] * inputs.grid[1]
    texts = torch.cat([model.map_texts[keys], model.map_texts[len(model.names) :]])
    found = class_activation.class_activation(
        model.backbone, inputs.x, inputs.grid, settings.logit_scale, EPS, texts, range(len(keys))
    )
    maps = model.maps(inputs, keys, picture.shape[:2])
    scores = model.place(model.probabilities(maps, picture), keys)
    label = scores.argmax(dim=0).numpy().astype(np.uint8)
    stuff = not model.bank.background
    answers = dict(
        tokens=every(inputs.x[0], size),
        affinity=every(affinity.patch_attention(inputs, settings.affinity_layers).mean(dim=0), size),
        keys=np.array(keys, np.uint8),
        prob=found.probabilities.numpy(),
        grad_weight=found.weights.numpy(),
        cam=found.maps.numpy(),
        boxes=rows_of(class_activation.map_boxes(found.maps, settings.box_threshold), range(len(keys))),
        attn_highres=maps[:, ::4, ::4],
        **(dict(label171=label, label27=stuff27[label]) if stuff else dict(label=label)),
    )
    if crf:
        probabilities = model.probabilities(maps, picture)
        unary, wrapped = unary_of(probabilities), wrapped_picture(picture)
        after = dense_crf(unary, wrapped)
        label = model.place(after, keys).argmax(dim=0).numpy().astype(np.uint8)
        answers |= dict(
            crf_image=wrapped,
            crf_prob=probabilities[:, ::2, ::2],
            crf_unary=unary[:, ::4, ::4],
            crf_q=after[:, ::4, ::4],
            crf_label=stuff27[label] if stuff else label,
        )
    return answers
