"""The three branches of CorrCLIP's last block: CLIP's values, values of earlier blocks, and a token per region."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from itaclip_mmseg.last_inputs import LastInputs
from itaclip_mmseg.models.backbones.attention import feed_forward, output, project
from itaclip_mmseg.models.backbones.similarity import enlarged
from itaclip_mmseg.models.stages.region_rules import nearest


def three_branches(
    blocks: nn.ModuleList, inputs: LastInputs, regions: Tensor, attention: Tensor, layers: tuple[int, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens of the main, spatial and semantic branch on the grid of the regions, L' x D each.

    Args:
        blocks: all of CLIP.
        inputs: of one window, with the queries, keys and values of all blocks, the embedded patches and `layers`.
        regions: merged region map, rows' x columns', on the CPU.
        attention: attention of the patches on that grid, L' x L'.
        layers: blocks whose mean state runs through the last block in the spatial branch.
    """
    earlier = torch.stack([inputs.hidden[layer] for layer in layers]).mean(dim=0)
    main, spatial = (
        output(blocks[-1], attention.to(inputs.x) @ finer_values(blocks[-1], x, inputs.grid, regions.shape))[0]
        for x in (inputs.x, earlier)
    )
    return main, spatial, semantic_tokens(blocks, inputs, regions)


def finer_values(block: nn.Module, x: Tensor, grid: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Values of a block's input 1 x (1 + L) x D, without CLS, resized to a finer grid, 1 x heads x L' x d."""
    return enlarged(project(block, x)[2][:, :, 1:], grid, tuple(size))


def semantic_tokens(blocks: nn.ModuleList, inputs: LastInputs, regions: Tensor) -> Tensor:
    """A token for each patch's region, L' x D: a CLS token that runs through all blocks and attends only to the region.

    In each block it attends to the original CLS token and the patches of its region, not to itself or to the tokens of
    other regions.

    Args:
        blocks: all of CLIP.
        inputs, regions: see `three_branches`.
    """
    coarse = nearest(regions, inputs.grid)
    numbers, places = coarse.unique(return_inverse=True)
    mask = F.pad(places.flatten() == torch.arange(len(numbers))[:, None], (1, 0), value=True).to(inputs.x.device)
    tokens = inputs.hidden[0][:, :1].expand(-1, len(numbers), -1)  # 1 x R x D
    for number, block in enumerate(blocks, start=1):
        queries, (_, keys, values) = project(block, tokens)[0], inputs.qkv[number]
        tokens = tokens + output(block, F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask))
        tokens = feed_forward(block, tokens)
    return tokens[0, nearest(places, tuple(regions.shape)).flatten().to(tokens.device)]
