"""Class activation maps of classes known to be in an image: gradients through the last block, spread by attention.

This is the core of CLIP-ES (arXiv:2212.09506): the gradient of a class's probability weights the channels.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.attention import attention_map, feed_forward, output, project_normed
from itaclip_mmseg.models.backbones.clip_vision import CLIPVisionBackbone
from itaclip_mmseg.models.stages.boxes import Box, boxed, boxes_of, stretched

BYTES_A_PASS = 2e9  # limit on a GPU for the gradients of attention maps, the largest tensors of a backward pass


class Activation(NamedTuple):
    """Class activation of K classes in an image.

    Attributes:
        probabilities: of all texts, T.
        weights: of the channels, K x D.
        maps: class activation, K x rows x columns in [0, 1].
    """

    probabilities: Tensor
    weights: Tensor
    maps: Tensor


def class_activation(
    backbone: CLIPVisionBackbone,
    x: Tensor,
    grid: tuple[int, int],
    logit_scale: float,
    eps: float,
    texts: Tensor,
    classes: Sequence[int],
) -> Activation:
    """Compute GradCAM of each class's probability at the last block's first norm, with one forward pass of this block.

    Args:
        x: input of the last block, 1 x (1 + L) x D.
        grid: rows and columns of patches.
        logit_scale: factor of the cosines.
        eps: added to the maximum that a map is divided by; a map of zeros stays zero.
        texts: unit embeddings of all competing texts, T x width.
        classes: rows of `texts` to compute maps for, K.
    """
    with torch.enable_grad():  # the test loop disables gradients
        normed = backbone.blocks[-1].ln_1(x).detach().requires_grad_()
        probabilities = (logit_scale * mean_embedding(backbone, x, normed) @ texts.mT)[0].softmax(dim=-1)
        gradients = gradients_of(probabilities, normed, classes, classes_a_pass(backbone, x))
    weights = gradients[:, 0, 1:].float().mean(dim=1)  # K x D
    maps = F.relu(weights @ normed.detach()[0, 1:].float().mT).unflatten(1, grid)
    return Activation(probabilities.detach(), weights, stretched(stretched(maps, eps), eps))


def mean_embedding(backbone: CLIPVisionBackbone, x: Tensor, normed: Tensor) -> Tensor:
    """Unit embedding, 1 x width, of the mean of the patches after the last block, whose attention takes `normed`."""
    block, visual = backbone.blocks[-1], backbone.visual
    qkv = project_normed(block, normed)
    x = feed_forward(block, x + output(block, attention_map(qkv).to(qkv) @ qkv[2]))
    pooled = visual.ln_post(x[:, 1:]).mean(dim=1) @ visual.proj
    return F.normalize(pooled.float(), dim=-1)


def gradients_of(values: Tensor, leaf: Tensor, indices: Sequence[int], batch: int) -> Tensor:
    """Gradients of chosen values with respect to a leaf, K x the leaf's shape, `batch` of them per backward pass."""
    chosen = torch.eye(len(values), device=values.device)[list(indices)]  # K x T
    parts = [
        torch.autograd.grad(values, leaf, rows, retain_graph=True, is_grads_batched=True)[0]
        for rows in chosen.split(batch)
    ]
    return torch.cat(parts)


def classes_a_pass(backbone: CLIPVisionBackbone, x: Tensor) -> int:
    """Number of classes per backward pass: many on a GPU, one on a CPU.

    ViT-B/16, 336 patches, 8 classes on one core: 1.15 s all at once, 0.98 s two at a time, 0.93 s one at a time, and
    1.5 s with a forward pass of the block for each, as in the public codes.
    """
    if x.device.type == 'cpu':
        return 1
    return max(1, int(BYTES_A_PASS / (backbone.blocks[-1].attn.num_heads * x.shape[1] ** 2 * x.element_size())))


def spread(maps: Tensor, transitions: Tensor, boxes: Sequence[Sequence[Box]], eps: float) -> Tensor:
    """Restrict maps K x rows x columns to their boxes and spread them by transitions L x L; in [0, 1]."""
    return stretched((boxed(maps, boxes).flatten(1) @ transitions.mT).view_as(maps), eps)


def map_boxes(maps: Tensor, threshold: float) -> list[list[Box]]:
    """Boxes of each of the maps K x rows x columns, including boxes in holes."""
    return [boxes_of(one, threshold, nested=True) for one in maps.cpu().numpy()]


def refined_maps(maps: Tensor, transitions: Tensor, threshold: float, size: tuple[int, int], eps: float) -> np.ndarray:
    """Spread class activation K x rows x columns and resize it as OpenCV does: K x height x width in [0, 1]."""
    small = spread(maps, transitions, map_boxes(maps, threshold), eps).cpu().numpy()
    return np.stack([cv2.resize(one, size[::-1]) for one in small])


def with_second_chance(find: Callable[[Tensor, Sequence[int]], Activation], texts: Tensor, number: int) -> Tensor:
    """Maps of the first `number` texts; a map that is 0 everywhere is computed again without the other texts.

    Args:
        find: `class_activation` of an image for given texts and classes.
    """
    maps = find(texts, range(number)).maps
    empty = [index for index, highest in enumerate(maps.flatten(1).amax(dim=1).tolist()) if highest == 0]
    if empty:
        maps[empty] = find(texts[:number], empty).maps
    return maps
