"""The compiled step against torch's own, to the last bit."""

import os
import subprocess
import sys

import pytest
import torch
from golden import image

from itaclip_mmseg.models.stages import pamr_step
from itaclip_mmseg.models.stages.pamr import affinity, propagate, refine
from itaclip_mmseg.models.stages.tiles import Tile
from itaclip_mmseg.settings import Pamr


@pytest.fixture
def compiled():
    """Skips only what cannot work here: a kernel that no longer compiles must fail."""
    pytest.importorskip('numba')
    if pamr_step.compiled_compute() is None:
        from itaclip_mmseg.models.stages import pamr_kernel

        assert not pamr_step.equals_torch(pamr_kernel.compiled(on_disk=False))
        pytest.skip('torch rounds otherwise on this processor')


@pytest.fixture
def plain(monkeypatch):
    """Compute by torch alone: plain(propagate, ...)."""

    def call(function, *args):
        with monkeypatch.context() as patch:
            patch.setattr(pamr_step, 'compiled_compute', lambda: None)
            return function(*args)

    return call


@pytest.mark.parametrize('dilations', [(1,), (8, 16), (2, 1, 24)])
@pytest.mark.parametrize('size', [(1, 1), (5, 4), (16, 15), (40, 67)])
@pytest.mark.parametrize('queries', [1, 4, 6])
@pytest.mark.usefixtures('compiled')
def test_not_one_bit_differs(plain, size, queries, dilations):
    """Rows shorter than a vector, images smaller than a dilation, more and fewer queries than share the weights."""
    generator = torch.Generator().manual_seed(queries)
    logits = torch.randn(queries, *size, generator=generator)
    weights = affinity(torch.randn(3, *size, generator=generator), dilations)
    settings = Pamr(3, dilations)
    assert same_bits(propagate(logits, weights, settings), plain(propagate, logits, weights, settings))


@pytest.mark.usefixtures('compiled')
def test_whatever_the_threads_and_the_strides(plain):
    logits = torch.randn(30, 41, 5, generator=torch.Generator().manual_seed(0)).permute(2, 1, 0)
    weights = affinity(image(5, 41, 30), (2, 4)).mT.contiguous().mT
    expected = plain(propagate, logits, weights, Pamr(2, (2, 4)))
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 7):
            torch.set_num_threads(count)
            assert same_bits(propagate(logits, weights, Pamr(2, (2, 4))), expected)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize('way', ['compiled', 'plain'])
@pytest.mark.parametrize('tile', [Tile(0, 20, 0, 30), Tile(20, 41, 11, 30), Tile(15, 18, 13, 14)])
def test_a_tile_is_what_it_is_in_the_whole_image(plain, tile, way):
    """Protects the steps that shrink towards the tile: nothing that they leave out reaches it."""
    call = plain if way == 'plain' else lambda function, *args: function(*args)
    logits = torch.randn(3, 41, 30, generator=torch.Generator().manual_seed(0))
    settings = Pamr(3, (1, 2))
    weights = affinity(image(5, 41, 30), settings.dilations)
    whole = call(propagate, logits, weights, settings)
    outer = tile.grown(settings.reach, (41, 30))
    cut = call(propagate, logits[outer.place], weights[outer.place], settings, tile.within(outer))
    assert same_bits(cut, whole[tile.place])


def test_values_that_it_does_not_take():
    """Other types, and gradients, go the torch way."""
    logits, guide = torch.rand(2, 20, 30, dtype=torch.float64), image(5, 20, 30)
    assert refine(guide, logits, Pamr(1, (2,))).dtype == torch.float64
    logits = torch.rand(2, 20, 30, requires_grad=True)
    with torch.no_grad():
        assert refine(guide, logits, Pamr(1, (2,))).isfinite().all()


def test_without_numba(monkeypatch):
    """An optional dependency: its absence changes nothing but the time."""
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, 'numba', None)
        patch.delitem(sys.modules, 'itaclip_mmseg.models.stages.pamr_kernel', raising=False)
        assert pamr_step.compiled_compute.__wrapped__() is None


@pytest.mark.usefixtures('compiled')
def test_another_rounding_is_not_used(monkeypatch):
    """What is compiled must pass a trial before it is used."""
    from itaclip_mmseg.models.stages import pamr_kernel

    compute = pamr_step.compiled_compute()

    def off_by_one_bit(*args):
        compute(*args)
        args[3][:] *= 1 + 2e-7

    monkeypatch.setattr(pamr_kernel, 'compiled', lambda on_disk: off_by_one_bit)
    assert pamr_step.compiled_compute.__wrapped__() is None


@pytest.mark.usefixtures('compiled')
def test_no_folder_to_keep_it_in(monkeypatch):
    """A read-only installation without a cache of the user's: compiled anew in each process."""
    from itaclip_mmseg.models.stages import pamr_kernel

    def compiled(on_disk):
        if on_disk:
            raise RuntimeError('cannot cache function: no locator available')
        return compute

    compute = pamr_step.compiled_compute()
    monkeypatch.setattr(pamr_kernel, 'compiled', compiled)
    assert pamr_step.compiled_compute.__wrapped__() is compute


@pytest.mark.slow
@pytest.mark.usefixtures('compiled')
def test_a_damaged_cache(tmp_path):
    """What is kept on disk is used if it is whole; else the step is compiled anew."""
    code = 'from itaclip_mmseg.models.stages.pamr_step import compiled_compute; assert compiled_compute()'

    def run():
        environment = {**os.environ, 'NUMBA_CACHE_DIR': str(tmp_path)}
        subprocess.run([sys.executable, '-c', code], env=environment, check=True)
        return list(tmp_path.rglob('*.nb?'))

    kept = run()
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:100])
    run()


def same_bits(values: torch.Tensor, others: torch.Tensor) -> bool:
    """Equal, zeros' signs too."""
    return torch.equal(values.contiguous().view(torch.int32), others.contiguous().view(torch.int32))
