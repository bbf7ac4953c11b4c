"""CLIP's unchanged image tower: one embedding per image."""

from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.clip import CLIPTower, load_visual


@MODELS.register_module()
class CLIPImageEncoder(CLIPTower):
    """An unchanged open_clip ViT: the CLS token after `ln_post`, projected.

    Args:
        arch, pretrained, quick_gelu: see `load_clip`.

    Raises:
        UserError: the weights are missing, damaged or of another architecture.
    """

    def __init__(
        self,
        arch: str | None = 'ViT-B-32',
        pretrained: str = 'openai',
        quick_gelu: bool | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.arch, self.pretrained, self.quick_gelu = arch, pretrained, quick_gelu
        self.visual = load_visual(arch, pretrained, quick_gelu)

    @property
    def size(self) -> int:
        """Side in pixels of the training images."""
        return self.visual.image_size[0]

    def forward(self, images: Tensor) -> Tensor:
        """Unit embeddings, N x width, of normalised RGB images N x 3 x size x size."""
        return F.normalize(self.visual(images), dim=-1)
