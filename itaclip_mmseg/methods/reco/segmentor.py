"""ReCo (arXiv 2206.07045): similarity to retrieved and co-segmented references, times a dense CLIP score."""

import numpy as np
import torch
from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.methods.reco.cosegmentation import cosines, text_attention
from itaclip_mmseg.models.backbones.checkpoint import read_weights
from itaclip_mmseg.models.backbones.clip_text import TextEncoder, random_embeddings
from itaclip_mmseg.models.backbones.weights import weights_file
from itaclip_mmseg.models.segmentors.base import OpenVocabularySegmentor
from itaclip_mmseg.models.stages.crf import dense_crf, load_crf, unary_of
from itaclip_mmseg.models.stages.photograph import IMAGENET, normalise
from itaclip_mmseg.models.stages.postprocess import best_words
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.utils.errors import UserError


@MODELS.register_module()
class ReCo(OpenVocabularySegmentor):
    """ReCo's inference as in figure 3 of the paper; start reading at `class_scores`.

        class_scores: features -> similarity to the references, times text attention of dense CLIP -> CRF

    Images are RGB from 0 to 255: a preprocessor with mean 0 and std 1. Make the references of a list of classes once by
    `tools/make_references.py`. A class with several words gets their best score; COCO-Stuff's evaluation uses this to
    count fine classes as coarse ones.

    Args:
        backbone: config of the `ViTBackbone` for features, a distilled DeiT.
        text_bank: path of a text bank, or a bank; its words select references and texts.
        references: dict(pretrained=PATH) of a .safetensors file with a vector for each word, by name.
        dense: config of the dense CLIP, see `CLIPResNetBackbone`; its text tower embeds the words.
        crf: refine the labels by a fully connected CRF; needs pydensecrf2.
        settings: prob_threshold, area_threshold, closing_kernel, see `Decision`; the paper uses none of them. For other
            arguments see the base class.
    """

    def build(self, backbone: dict, references: dict, dense: dict, crf: bool = False) -> None:
        """Load the references and both networks, and embed the words."""
        self.crf = crf
        if crf:
            load_crf()  # reports a missing package before weights are read
        vectors = read_references(self.bank, **references) if references['pretrained'] else None
        self.backbone = MODELS.build({'type': 'ViTBackbone', **backbone})
        if vectors is None:
            vectors = random_embeddings(len(self.bank.words), self.backbone.width)
        self.register_buffer('references', vectors, persistent=False)  # Q x D
        if self.references.shape[1] != self.backbone.width:
            raise UserError(
                f'references.pretrained={references["pretrained"]!r}: vectors of width {self.references.shape[1]}, but '
                f'the backbone has {self.backbone.width}; make them with this backbone (tools/make_references.py)'
            )
        self.dense = MODELS.build({'type': 'CLIPResNetBackbone', **dense})
        text_tower = (self.dense.arch, self.dense.pretrained, self.dense.quick_gelu)
        texts = TextEncoder(*text_tower, templates='imagenet_scene').encode(self.bank.words)
        self.register_buffer('texts', texts, persistent=False)  # Q x width

    @staticmethod
    def random_weights(config: dict) -> dict:
        """Return the segmentor's config with random references, for benchmarking."""
        return dict(config, references=dict(pretrained=None))

    def class_scores(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of a photograph, C x height x width; see the base class."""
        # ImageNet's statistics, also for CLIP's ResNet, as in the public code.
        normalised = normalise(image, IMAGENET)
        similarity = cosines(self.backbone(normalised[None]), self.references).sigmoid()  # 1 x Q x h x w
        attention = text_attention(self.dense(normalised[None]), self.texts)
        scores = (resize(similarity, image.shape[1:]) * resize(attention, image.shape[1:]))[0]  # Q x H x W
        if self.crf:
            scores = self.refine(scores, normalised)
        scores = best_words(scores, torch.tensor(self.bank.word_classes))  # C x H x W
        return resize(scores[None], size)[0]

    def refine(self, scores: Tensor, normalised: Tensor) -> Tensor:
        """Refine scores by the CRF on the normalised image 3 x H x W: probabilities Q x H x W."""
        unary = unary_of(scores.softmax(dim=0).cpu().numpy())
        return torch.from_numpy(dense_crf(unary, crf_picture(normalised)[..., ::-1])).to(scores)


def read_references(bank: TextBank, pretrained: str) -> Tensor:
    """Read the reference vectors of a bank's words, Q x D, from a file with one vector per word.

    Raises:
        UserError: there is no such file, or it lacks a word.
    """
    path = weights_file(None, pretrained)
    vectors = read_weights(path)
    for word in bank.words:
        if word not in vectors:
            raise UserError(f"{path}: has no reference for '{word}'; make one with tools/make_references.py")
    return F.normalize(torch.stack([vectors[word].flatten() for word in bank.words]), dim=-1)


def resize(fields: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize fields N x Q x h x w bilinearly."""
    return F.interpolate(fields, size=tuple(size), mode='bilinear', align_corners=False)


def crf_picture(normalised: Tensor) -> np.ndarray:
    """8-bit RGB image for the CRF, H x W x 3, from the normalised one, 3 x H x W.

    As in the public code, values are truncated, not rounded: some are one lower than in the photograph.
    """
    mean, std = (normalised.new_tensor(values)[:, None, None] for values in IMAGENET)
    return ((normalised * std + mean) * 255).clamp(0, 255).byte().movedim(0, -1).cpu().numpy()
