"""CLIP's ResNet as a dense encoder (DenseCLIP, arXiv 2112.01071): from images to patch embeddings."""

from mmseg.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from itaclip_mmseg.models.backbones.clip import CLIPTower, load_visual


@MODELS.register_module()
class CLIPResNetBackbone(CLIPTower):
    """open_clip's ModifiedResNet with only the two projections of its attention pooling, applied at every position.

    It uses no positions, queries, keys or pooling. The output stride is 32; for odd sizes the first convolution rounds
    up and the four poolings round down.

    Args:
        arch, pretrained, quick_gelu: see `load_clip`; the activation is used by the text tower.

    Raises:
        UserError: the weights are missing, damaged or of another architecture.
    """

    def __init__(
        self,
        arch: str | None = 'RN50x16',
        pretrained: str = 'openai',
        quick_gelu: bool | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.arch, self.pretrained, self.quick_gelu = arch, pretrained, quick_gelu
        self.visual = load_visual(arch, pretrained, quick_gelu, tower='ResNet')

    def forward(self, images: Tensor) -> Tensor:
        """Patch embeddings, not normalised, N x width x h x w, of normalised RGB images N x 3 x H x W."""
        visual = self.visual
        x = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(images)))))
        pool = visual.attnpool
        values = F.linear(x.movedim(1, -1), pool.v_proj.weight, pool.v_proj.bias)
        return F.linear(values, pool.c_proj.weight, pool.c_proj.bias).movedim(-1, 1)
