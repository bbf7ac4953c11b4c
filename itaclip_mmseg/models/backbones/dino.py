"""DINO's vision transformer, by timm: patch features of the same views as CLIP."""

from mmseg.registry import MODELS
from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from itaclip_mmseg.models.backbones.vit import ViTBackbone


@MODELS.register_module()
class DINO(ViTBackbone):
    """DINO (arXiv:2104.14294) as an additional encoder; it takes views normalised for CLIP."""

    def embed(self, views: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """As in the base class, for views V x 3 x H x W."""
        return super().embed(renormalised(views).to(self.vit.cls_token))


def renormalised(views: Tensor) -> Tensor:
    """Convert views from CLIP's mean and standard deviation to ImageNet's."""
    mean, std, new_mean, new_std = (
        views.new_tensor(values)[:, None, None]
        for values in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD, IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
    )
    return (views * std + mean - new_mean) / new_std
