import shutil

import pytest
import torch
from golden import image, tiny_clip
from mmengine.logging import MMLogger
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from torch.nn import functional as F

from itaclip_mmseg.last_block import AttentionSum
from itaclip_mmseg.models import CLIPVisionBackbone
from itaclip_mmseg.models.backbones.attention import (
    attend,
    attention_sums,
    feed_forward,
    fold_quick_gelu,
    neighbourhood_prior,
    plain_block,
    project,
)
from itaclip_mmseg.utils.errors import UserError


@pytest.fixture(scope='module')
def build(tiny_weights):
    return lambda **settings: CLIPVisionBackbone(arch=None, pretrained=tiny_weights, **settings)


@pytest.mark.parametrize(
    ('name', 'number', 'size', 'attention'),
    [
        ('tokens_224_selfself', 1, (224, 224), ('qq', 'kk')),
        ('tokens_224_qk', 1, (224, 224), ('qk',)),
        ('tokens_208x256_selfself', 2, (208, 256), ('qq', 'kk')),
    ],
)
def test_tokens_equal_the_authors(build, golden, name, number, size, attention):
    """Protects the encoder: self-self maps, intermediate layers, no feed-forward, positions of other grids."""
    tokens = build(attention=attention)(image(number, *size)[None])
    expected = F.normalize(torch.from_numpy(golden[name])[:, 1:], dim=-1)
    torch.testing.assert_close(tokens, expected, atol=1e-5, rtol=0)  # unit vectors; 12 blocks of float32


def test_plain_blocks_equal_open_clip(build):
    """Protects the fused attention of the unchanged blocks."""
    backbone = build()
    with torch.no_grad():
        x, _ = backbone.embed(torch.from_numpy(tiny_clip.image(1, 224, 224)))
        expected = backbone.visual.transformer(x)
        for block in backbone.blocks:
            x, _ = plain_block(block, x)
    torch.testing.assert_close(x, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(('activation', 'folded'), [(QuickGELU, torch.nn.SiLU), (torch.nn.GELU, torch.nn.GELU)])
@torch.no_grad()
def test_folded_activation_is_the_same_function(activation, folded):
    """Protects QuickGELU written as SiLU, and that weights of other activations are left alone."""
    torch.manual_seed(0)
    block, x = ResidualAttentionBlock(64, 1, act_layer=activation), torch.randn(2, 5, 64)
    expected = feed_forward(block, x)
    fold_quick_gelu(block)
    assert isinstance(block.mlp.gelu, folded)
    torch.testing.assert_close(feed_forward(block, x), expected, atol=1e-6, rtol=0)


def test_plain_settings_are_clip(build):
    """q-k attention, feed-forward, no intermediate layers: the last block is as plain as the others."""
    backbone = build(attention='qk', intermediate_layers=None, final_ffn=True)
    views = torch.from_numpy(tiny_clip.image(1, 224, 224))
    with torch.no_grad():
        x = backbone.visual.transformer(backbone.embed(views)[0])
        expected = F.normalize(backbone.visual.ln_post(x[:, 1:]) @ backbone.visual.proj, dim=-1)
    torch.testing.assert_close(backbone(views), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize('std', [None, 2.0])
@pytest.mark.parametrize('term', ['qk', 'qq', 'kk', 'vv', 'identity'])
def test_terms_as_in_the_paper(build, term, std):
    """softmax(a bᵀ / sqrt(d) + prior) v, written out; the identity leaves every token its own value."""
    backbone = build()
    with torch.no_grad():
        qkv = project(backbone.blocks[-1], backbone.embed(torch.from_numpy(tiny_clip.image(1, 64, 48)))[0])
    prior = neighbourhood_prior(4, 3, std) if std else None
    expected = values = torch.randn(qkv[2].shape, generator=torch.Generator().manual_seed(0))
    if term != 'identity':
        left, right = (qkv['qkv'.index(letter)] for letter in term)
        expected = (left @ right.mT / left.shape[-1] ** 0.5 + (0 if prior is None else prior)).softmax(-1) @ values
    torch.testing.assert_close(attend(qkv, values, term, prior), expected)


def test_terms_add_up(build):
    """A sum of terms is the sum of their updates, whether they are computed together or apart."""
    backbone = build()
    variants = [AttentionSum(terms, None, residual=False) for terms in ('qq', 'vv', ('qq', 'vv'))]
    inputs = backbone.shared_blocks(torch.from_numpy(tiny_clip.image(1, 64, 48)))
    first, second, both = attention_sums(backbone.blocks[-1], inputs.x, inputs.qkv, variants, {})
    bias = backbone.blocks[-1].attn.out_proj.bias
    torch.testing.assert_close(both - bias, first + second - 2 * bias)
    (alone,) = attention_sums(backbone.blocks[-1], inputs.x, inputs.qkv, variants[2:], {})
    torch.testing.assert_close(both, alone)


def test_prior_is_gaussian_between_patches():
    """Protects NACLIP's prior: by rows and columns of the grid, no influence on CLS."""
    prior = neighbourhood_prior(3, 4, std=2.0)
    assert prior.shape == (13, 13)
    assert not prior[0].any() and not prior[:, 0].any()
    distance = 2**2 + 1**2  # patch (0, 1) to patch (2, 2)
    torch.testing.assert_close(prior[1 + 1, 1 + 2 * 4 + 2], torch.tensor(-distance / 8).exp())


@pytest.mark.parametrize('precision', ['fp16', 'bf16'])
def test_low_precision_is_close(build, precision):
    """Embeddings leave in float32, unit length, and point where the float32 ones do."""
    views = torch.from_numpy(tiny_clip.image(8, 224, 224))
    tokens, expected = build(precision=precision)(views), build()(views)
    assert tokens.dtype == torch.float32
    assert (tokens * expected).sum(-1).min() > 0.99


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which('g++'), reason='compiling for a CPU needs g++')
def test_compiled_blocks_equal_plain_ones(build, monkeypatch, tmp_path):
    """Any number of views and any size of them, with what intermediate layers keep; nothing falls back in silence."""
    monkeypatch.setenv('TORCHINDUCTOR_CACHE_DIR', str(tmp_path))
    monkeypatch.setattr(MMLogger, 'warning', lambda self, message: pytest.fail(message))
    plain, compiled = build(), build(compile=True)
    with torch.no_grad():
        for number, size in ((3, (224, 224)), (2, (64, 48))):
            views = torch.from_numpy(tiny_clip.image(8, *size)).expand(number, -1, -1, -1)
            torch.testing.assert_close(compiled(views), plain(views), atol=1e-5, rtol=0)


def test_failed_compilation_is_said_and_survived(build, monkeypatch):
    """Protects machines without a compiler; what is no fault of compiling, a lack of memory, is not swallowed."""
    said = []
    monkeypatch.setattr(MMLogger, 'warning', lambda self, message: said.append(message))

    def failing(error):
        def call(*args):
            raise error

        return lambda function: call

    views = torch.from_numpy(tiny_clip.image(8, 64, 48))
    monkeypatch.setattr(torch, 'compile', failing(torch._dynamo.exc.TorchDynamoException('no compiler')))
    assert torch.equal(build(compile=True)(views), build()(views))
    assert said == ['compile=True: torch.compile failed (no compiler); continuing without, with the same results']
    monkeypatch.setattr(torch, 'compile', failing(torch.OutOfMemoryError('CUDA out of memory')))
    with pytest.raises(torch.OutOfMemoryError):
        build(compile=True)(views)


def test_weights_stay_frozen(build):
    backbone = build().train()
    assert not backbone.training and not any(parameter.requires_grad for parameter in backbone.parameters())


@pytest.mark.parametrize(
    ('settings', 'named'),
    [
        (dict(attention=('qq', 'kq')), "'kq'"),
        (dict(attention=()), 'backbone.attention'),
        (dict(intermediate_layers=(7, 13)), 'blocks 1 to 12'),
        (dict(intermediate_layers=(0,)), 'backbone.intermediate_layers'),
        (dict(precision='int8'), "'int8'"),
        (dict(neighbourhood_std=0), 'backbone.neighbourhood_std'),
    ],
)
def test_impossible_settings_are_named(build, settings, named):
    with pytest.raises(UserError, match=named):
        build(**settings)


def test_slow_precision_is_said(build, monkeypatch):
    """Protects users of processors without bf16 instructions, where it halves the speed instead of doubling it."""
    said = []
    monkeypatch.setattr('itaclip_mmseg.models.backbones.clip_vision.fast_precisions', lambda: {'fp32'})
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(MMLogger, 'warning', lambda self, message: said.append(message))
    build(precision='bf16')
    assert len(said) == 1 and said[0].startswith("precision='bf16': slower than fp32")
    build(precision='fp32')
    assert len(said) == 1
