"""SAM of the package, read from weights of any size, against what the authors' altered copy of it answers."""

import sys

import cv2
import pytest
import torch
from golden import arrays, hold, photo, tiny_sam
from segment_anything.modeling.image_encoder import Attention

from itaclip_mmseg.models import SAM
from itaclip_mmseg.models.backbones.sam import fitted_size, longer_side
from itaclip_mmseg.models.backbones.sam_attention import HeadByHead
from itaclip_mmseg.utils.errors import UserError


@pytest.fixture(scope='module')
def sam(network_weights) -> SAM:
    return SAM(network_weights['sam'])


@torch.no_grad()
def test_stages(sam):
    """The picture it sees, its embedding, values and attention of the last block; memory follows one head."""
    recorded = arrays('trident')
    picture = cv2.resize(photo(40, 375, 500), (512, 384))  # whole patches
    hold('stage_sam_image', longer_side(picture).transpose(2, 0, 1)[:, ::16, ::16], recorded['stage_sam_image'])
    seen = sam(picture)
    assert seen.grid == (48, 64) and seen.size == (768, 1024) and seen.picture == (384, 512)
    hold('stage_sam_features', seen.embedding[0, :, ::2, ::2], recorded['stage_sam_features'], atol=2e-5)
    values, maps = sam.last_attention(seen)
    hold('stage_sam_values', values[:, ::48], recorded['stage_sam_values'], atol=1e-5)
    every = torch.stack([one[::384] for one in maps])
    hold('stage_sam_attention', every, recorded['stage_sam_attention'], atol=1e-5)


@torch.no_grad()
def test_head_by_head_is_the_packages_attention():
    """Of all tokens of a small picture; and the part of each map that belongs to its first rows and columns."""
    torch.manual_seed(0)
    package = Attention(24, num_heads=3, use_rel_pos=True, input_size=(6, 6))
    for positions in (package.rel_pos_h, package.rel_pos_w):
        torch.nn.init.normal_(positions)
    ours, x = HeadByHead(package), torch.randn(1, 6, 6, 24)
    torch.testing.assert_close(ours(x), package(x), atol=1e-6, rtol=1e-6)
    whole, part = (torch.stack(list(ours.heads(x, grid)[1])) for grid in ((6, 6), (4, 3)))
    torch.testing.assert_close(part, whole.unflatten(1, (6, 6))[:, :4, :3].flatten(1, 2))


def test_sizes_are_read_off_the_weights(sam):
    encoder = sam.image_encoder
    assert [block.window_size for block in encoder.blocks] == [14, 0, 14, 0]
    assert encoder.blocks[0].attn.num_heads == tiny_sam.ENCODER['heads']
    assert sam.prompt_encoder.embed_dim == tiny_sam.DIM


def test_sides():
    assert fitted_size((375, 500), 1024) == (768, 1024) and fitted_size((500, 333), 256) == (256, 170)
    assert fitted_size((1, 5000), 1024) == (1, 1024)


def test_faults_are_named(newer_weights, monkeypatch):
    with pytest.raises(UserError, match=r'sam_vit_b_01ec64\.pth: no such weights file.*segment_anything.*375 MB'):
        SAM('absent/sam_vit_b_01ec64.pth')
    with pytest.raises(UserError, match='so it is not a Segment Anything network'):
        SAM(newer_weights)
    monkeypatch.setitem(sys.modules, 'segment_anything', None)
    with pytest.raises(UserError, match=r"pip install 'itaclip_mmseg\[sam\]'"):
        SAM(newer_weights)


def test_other_weights_are_named(network_weights, tmp_path):
    state = torch.load(network_weights['sam'], weights_only=True)
    state['mask_decoder.iou_token.weight'] = torch.zeros(2, tiny_sam.DIM)
    path = tmp_path / 'other.pth'
    torch.save(state, path)
    with pytest.raises(UserError, match=r'other\.pth: the weights do not fit.*iou_token'):
        SAM(str(path))
