"""ReCo (arXiv 2206.07045): similarity to references, retrieved and co-segmented once, times a dense CLIP score."""

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
    """Inference as figure 3 of the paper draws it; `class_scores` is its table of contents.

        class_scores: features -> similarity to the references, times text attention of dense CLIP -> CRF

    Images are RGB of 0 to 255: a preprocessor of mean 0 and std 1. References are made once for a list of classes by
    `tools/make_references.py`. A class of several words has their best score, so that labels of fine classes are
    counted as coarse ones, which COCO-Stuff's evaluation does.

    Args:
        backbone: config of the features' `ViTBackbone`, a distilled DeiT.
        text_bank: path of a text bank, or a bank; references and texts go by its words.
        references: dict(pretrained=PATH) of a .safetensors file with a vector for each word, by its name.
        dense: config of the dense CLIP, see `CLIPResNetBackbone`; its text tower embeds the words.
        crf: refine the labels by a fully connected CRF; needs pydensecrf2.
        settings: prob_threshold, area_threshold, closing_kernel, see `Decision`; the paper has none of them. All else
            as in the base class.
    """

    def build(self, backbone: dict, references: dict, dense: dict, crf: bool = False) -> None:
        """Read the references and the weights of both networks, and embed the words."""
        self.crf = crf
        if crf:
            load_crf()  # so that its absence is said before weights are read
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
        """The config of such a segmentor with random references, to measure with."""
        return dict(config, references=dict(pretrained=None))

    def class_scores(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Scores of a photograph, C x height x width; see the base class."""
        # ImageNet's statistics, for CLIP's ResNet too: so the public code has it.
        normalised = normalise(image, IMAGENET)
        similarity = cosines(self.backbone(normalised[None]), self.references).sigmoid()  # 1 x Q x h x w
        attention = text_attention(self.dense(normalised[None]), self.texts)
        scores = (resize(similarity, image.shape[1:]) * resize(attention, image.shape[1:]))[0]  # Q x H x W
        if self.crf:
            scores = self.refine(scores, normalised)
        scores = best_words(scores, torch.tensor(self.bank.word_classes))  # C x H x W
        return resize(scores[None], size)[0]

    def refine(self, scores: Tensor, normalised: Tensor) -> Tensor:
        """The CRF's probabilities, Q x H x W, from scores and the normalised image 3 x H x W."""
        unary = unary_of(scores.softmax(dim=0).cpu().numpy())
        return torch.from_numpy(dense_crf(unary, crf_picture(normalised)[..., ::-1])).to(scores)


def read_references(bank: TextBank, pretrained: str) -> Tensor:
    """Reference vectors of a bank's words, Q x D, from a file that holds them by word.

    Raises:
        UserError: no such file, or it lacks a word.
    """
    path = weights_file(None, pretrained)
    vectors = read_weights(path)
    for word in bank.words:
        if word not in vectors:
            raise UserError(f"{path}: has no reference for '{word}'; make one with tools/make_references.py")
    return F.normalize(torch.stack([vectors[word].flatten() for word in bank.words]), dim=-1)


def resize(fields: Tensor, size: tuple[int, int]) -> Tensor:
    """Fields N x Q x h x w at another size, bilinear."""
    return F.interpolate(fields, size=tuple(size), mode='bilinear', align_corners=False)


def crf_picture(normalised: Tensor) -> np.ndarray:
    """The 8-bit RGB picture that the CRF looks at, H x W x 3, from the normalised one, 3 x H x W.

    Cut, not rounded, as in the public code: some values are one lower than the photograph's.
    """
    mean, std = (normalised.new_tensor(values)[:, None, None] for values in IMAGENET)
    return ((normalised * std + mean) * 255).clamp(0, 255).byte().movedim(0, -1).cpu().numpy()
