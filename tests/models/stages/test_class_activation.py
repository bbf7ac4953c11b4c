import pytest
import torch
from golden import image
from mmseg.registry import MODELS
from torch.nn import functional as F

from itaclip_mmseg.last_inputs import Keep
from itaclip_mmseg.models.stages import class_activation as stage
from itaclip_mmseg.models.stages.affinity import patch_attention, transitions


@pytest.fixture(scope='module')
def backbone(tiny_weights):
    return MODELS.build(dict(type='CLIPVisionBackbone', arch=None, pretrained=tiny_weights))


@pytest.fixture(scope='module')
def texts():
    return F.normalize(torch.randn(6, 64, generator=torch.Generator().manual_seed(0)), dim=-1)


@pytest.fixture(scope='module')
def inputs(backbone):
    with torch.no_grad():
        return backbone.shared_blocks(image(1, 80, 112)[None], Keep.projections(range(1, 13)))


def find(backbone, inputs, texts, classes):
    return stage.class_activation(backbone, inputs.x, inputs.grid, 100, 1e-7, texts, classes)


def test_all_classes_at_once_equal_one_by_one(backbone, inputs, texts, monkeypatch):
    """One backward pass for all, passes of a few, and a loop over plain backward passes."""
    together = find(backbone, inputs, texts, range(4))
    for batch in (4, 3):
        monkeypatch.setattr(stage, 'classes_a_pass', lambda *_, batch=batch: batch)
        other = find(backbone, inputs, texts, range(4))
        torch.testing.assert_close(other.weights, together.weights, rtol=1e-4, atol=1e-9)
    normed = backbone.blocks[-1].ln_1(inputs.x).detach().requires_grad_()
    probabilities = (100 * stage.mean_embedding(backbone, inputs.x, normed) @ texts.T)[0].softmax(dim=-1)
    for label in range(4):
        (gradient,) = torch.autograd.grad(probabilities[label], normed, retain_graph=True)
        torch.testing.assert_close(together.weights[label], gradient[0, 1:].mean(dim=0), rtol=1e-4, atol=1e-9)


def test_gradients_flow_where_a_loop_forbids_them(backbone, inputs, texts):
    """And leave nothing behind: results carry no graph."""
    with torch.no_grad():
        found = find(backbone, inputs, texts, [2, 0])
        assert not torch.is_grad_enabled()
    assert found.maps.shape == (2, 5, 7) and found.maps.amax() > 0.9
    assert not any(part.requires_grad for part in found)


@pytest.mark.parametrize('tokens', [197, 1370])
def test_classes_of_a_gpu_pass_fit_the_memory(backbone, tokens, monkeypatch):
    """As many as 2 GB take, at least one; `meta` stands in for a GPU."""
    x = torch.empty(1, tokens, 64, dtype=torch.float16, device='meta')
    attention = torch.empty(backbone.blocks[-1].attn.num_heads, tokens, tokens, dtype=torch.float16, device='meta')
    number = stage.classes_a_pass(backbone, x)
    assert number * attention.nbytes <= 2e9 < (number + 1) * attention.nbytes
    monkeypatch.setattr(stage, 'BYTES_A_PASS', 1)
    assert stage.classes_a_pass(backbone, x) == 1
    assert stage.classes_a_pass(backbone, torch.empty(1, tokens, 64)) == 1  # the fastest on a CPU


def test_the_mean_embedding_is_that_of_the_plain_network(backbone, inputs):
    """The last block and what follows it, for the mean of the patches without CLS."""
    block, visual = backbone.blocks[-1], backbone.visual
    with torch.no_grad():
        found = stage.mean_embedding(backbone, inputs.x, block.ln_1(inputs.x))
        expected = visual.ln_post(block(inputs.x)[:, 1:]).mean(dim=1) @ visual.proj
    torch.testing.assert_close(found, expected / expected.norm(), atol=1e-5, rtol=0)


def test_a_lone_text_has_an_empty_map(backbone, inputs, texts):
    """Its softmax is constant; such maps are tried again without the others, and stay empty if there are none."""
    assert not find(backbone, inputs, texts[:1], [0]).maps.any()
    calls = []

    def empty_at_first(texts, classes):
        calls.append((len(texts), list(classes)))
        found = find(backbone, inputs, texts, classes)
        return found._replace(maps=found.maps * torch.tensor([1.0, 0, 1])[:, None, None]) if len(calls) == 1 else found

    maps = stage.with_second_chance(empty_at_first, texts, 3)
    assert calls == [(6, [0, 1, 2]), (3, [1])] and maps.flatten(1).amax(dim=1).gt(0.5).all()


def test_transitions_are_symmetric_shares(inputs):
    """Sinkhorn's rows and columns sum to 1, and so do those of two steps at once."""
    steps = transitions(patch_attention(inputs, (5, 6, 7)))
    torch.testing.assert_close(steps, steps.mT)
    torch.testing.assert_close(steps.sum(dim=1), torch.ones(35), atol=0.15, rtol=0)
