"""Evaluate the small CLIP by itself, without the rest of the method."""

import functools

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.evaluation.iou import SegmentationScores, count_pixels
from itaclip_mmseg.last_block import AttentionSum
from itaclip_mmseg.models.backbones.attention import attention_sums, project
from itaclip_mmseg.scenes.names import BACKGROUNDS, LABEL_OF_NAME, SCENE_CLASSES
from itaclip_mmseg.scenes.pictures import cut_windows, resize, to_tensor
from itaclip_mmseg.scenes.render import render_names
from itaclip_mmseg.scenes.settings import BLOCKS, EVALUATION_SCENES, EVALUATION_SEED, PATCH, Stage, TrainingSettings
from itaclip_mmseg.scenes.texts import Texts
from itaclip_mmseg.scenes.tiny_clip import (
    TinyCLIP,
    block_inputs,
    encode_image,
    load_weights,
    project_out,
    query_embeddings,
)
from itaclip_mmseg.text.bank import TextBank

KINDS = {
    'identity': AttentionSum(('identity',), None, True, False, None),
    'qk+ffn': AttentionSum(('qk',), None, True, True, None),
    'qq+kk': AttentionSum(('qq', 'kk'), None, True, False, None),
    'qq+kk 7,8,10': AttentionSum(('qq', 'kk'), (7, 8, 10), True, False, None),
}


@functools.cache
def evaluation_scenes(size: int) -> tuple[Tensor, Tensor]:
    """Images and label maps, used only for evaluation: windows of 224 pixels, resized to `size`."""
    images, labels = [], []
    for seed in range(EVALUATION_SEED, EVALUATION_SEED + EVALUATION_SCENES):
        image, names = render_names(seed, 336, 420)
        images.append(resize(image[56:280, 98:322], size))
        labels.append(LABEL_OF_NAME[names[56:280, 98:322]])
    return to_tensor(np.stack(images)), torch.from_numpy(np.stack(labels)).long()


@torch.no_grad()
def evaluate(model: TinyCLIP, texts: Texts, size: int) -> str:
    """One line with the mIoU of patches against words for several kinds of attention in the last block."""
    visual, label_of_name = model.clip.visual, torch.from_numpy(LABEL_OF_NAME).long()
    queries = query_embeddings(model.clip, texts)
    images, truth = evaluation_scenes(size)
    inputs, blocks = block_inputs(visual, images), visual.transformer.resblocks
    qkv = {number: project(blocks[number - 1], x) for number, x in inputs.items()}
    figures = []
    for kind, x in zip(KINDS, attention_sums(blocks[-1], inputs[BLOCKS], qkv, list(KINDS.values()), {})):
        field = (project_out(visual, x[:, 1:]) @ queries.T).mT.unflatten(-1, (size // PATCH, size // PATCH))
        scores = F.interpolate(field, size=truth.shape[-2:], mode='bilinear').mul(60).softmax(dim=1)
        labels = label_of_name[scores.argmax(dim=1)]
        confusion = count_pixels(truth.numpy(), labels.numpy(), len(SCENE_CLASSES))
        figures.append(f'{kind} {SegmentationScores.from_confusion(confusion).summary()["mIoU"]:.1f}')
    return ', '.join(figures)


@torch.no_grad()
def zero_shot_accuracy(model: TinyCLIP, texts: Texts, size: int, scenes: int = 300) -> float:
    """Per cent of images with objects in which the object most similar to the CLS token is in the image."""
    queries, objects = query_embeddings(model.clip, texts), slice(len(BACKGROUNDS), None)
    right, number = 0, 0
    for seed in range(EVALUATION_SEED + 1000, EVALUATION_SEED + 1000 + scenes):
        ((images, named),) = cut_windows(seed, [Stage(size, 1, 1, 0, windows=1, sides=(190, 300))])
        if named[0, objects].any():
            cls, _ = encode_image(model.clip.visual, to_tensor(images))
            right += named[0, objects][(cls @ queries[objects].T).argmax().item()]
            number += 1
    return 100 * right / number


def print_figures(settings: TrainingSettings, bank: TextBank) -> None:
    """Print both figures of finished weights, `settings.out`.

    Raises:
        UserError: the weights are missing or were trained with other words.
    """
    torch.set_num_threads(settings.threads)
    texts, size = Texts(bank), settings.stages[-1].size
    model = load_weights(settings.out, size, texts)
    print(f'mIoU of patches: {evaluate(model, texts, size)}', flush=True)
    print(f'zero-shot accuracy: {zero_shot_accuracy(model, texts, size):.1f}')
