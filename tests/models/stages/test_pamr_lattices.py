"""The compiled sweeps against torch's steps, to the last bit."""

import os
import subprocess
import sys

import pytest
import torch
from golden import image

from itaclip_mmseg.models.stages import pamr, pamr_lattices
from itaclip_mmseg.models.stages.pamr import affinity, propagate, refine
from itaclip_mmseg.models.stages.pamr_lattices import fits
from itaclip_mmseg.models.stages.tiles import Tile
from itaclip_mmseg.settings import Pamr


@pytest.fixture
def compiled():
    """Skips only what cannot work here: a kernel that no longer compiles must fail."""
    pytest.importorskip('numba')
    if pamr_lattices.compiled_kernel() is None:
        from itaclip_mmseg.models.stages import pamr_kernel

        assert not pamr_lattices.equals_torch(pamr_kernel.compiled(on_disk=False))
        pytest.skip('torch rounds otherwise on this processor')


@pytest.fixture
def plain(monkeypatch):
    """Compute by torch alone: plain(propagate, ...)."""

    def call(function, *args):
        with monkeypatch.context() as patch:
            patch.setattr(pamr, 'compiled_kernel', lambda: None)
            return function(*args)

    return call


@pytest.mark.parametrize('dilations', [(1,), (8, 16), (2, 1, 24), (9, 6)])
@pytest.mark.parametrize('size', [(1, 1), (5, 4), (16, 17), (49, 67), (80, 50)])
@pytest.mark.parametrize(('queries', 'steps'), [(1, 1), (6, 2), (16, 3), (17, 3)])
@pytest.mark.usefixtures('compiled')
def test_not_one_bit_differs(plain, size, queries, steps, dilations):
    """Images smaller than a vector or a dilation, lattices of any distance, less and more than a group of queries."""
    generator = torch.Generator().manual_seed(queries)
    logits = torch.randn(queries, *size, generator=generator)
    weights = affinity(torch.randn(3, *size, generator=generator), dilations)
    settings = Pamr(steps, dilations)
    assert same_bits(propagate(logits, weights, settings), plain(propagate, logits, weights, settings))


@pytest.mark.usefixtures('compiled')
def test_what_takes_the_compiled_way(monkeypatch):
    """Else the tests here would compare torch's way with itself."""
    monkeypatch.setattr(pamr, 'propagate_in_steps', None)
    refine(image(5, 33, 40), torch.rand(2, 33, 40), Pamr(3, (8, 16)))
    with pytest.raises(TypeError):
        refine(image(5, 32, 40), torch.rand(2, 32, 40), Pamr(3, (8, 16)))


def test_tiny_images_are_computed_by_torch():
    """A border that the border opposite reaches before the last step is not known before the result is."""
    assert fits((33, 40), Pamr(3, (8, 16))) and not fits((40, 32), Pamr(3, (8, 16)))
    assert fits((16, 16), Pamr(1, (24,))) and not fits((16, 15), Pamr(1, (1,)))


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
@pytest.mark.parametrize(
    'tile', [Tile(0, 20, 0, 30), Tile(20, 41, 11, 30), Tile(15, 18, 13, 14), Tile(5, 36, 4, 26), Tile(7, 30, 0, 25)]
)
def test_a_tile_is_what_it_is_in_the_whole_image(plain, tile, way):
    """Protects the steps that shrink towards the tile, at and beside each border: nothing left out reaches it."""
    call = plain if way == 'plain' else lambda function, *args: function(*args)
    logits = torch.randn(3, 41, 30, generator=torch.Generator().manual_seed(0))
    for settings in (Pamr(3, (1, 2)), Pamr(3, (2, 4))):
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
        assert pamr_lattices.compiled_kernel.__wrapped__() is None


@pytest.mark.usefixtures('compiled')
def test_another_rounding_is_not_used(monkeypatch):
    """What is compiled must pass a trial before it is used."""
    from itaclip_mmseg.models.stages import pamr_kernel

    kernel = pamr_lattices.compiled_kernel()

    def off_by_one_bit(values, *args):
        kernel.sweep(values, *args)
        values *= 1 + 2e-7

    monkeypatch.setattr(pamr_kernel, 'compiled', lambda on_disk: kernel._replace(sweep=off_by_one_bit))
    assert pamr_lattices.compiled_kernel.__wrapped__() is None


@pytest.mark.usefixtures('compiled')
def test_no_folder_to_keep_it_in(monkeypatch):
    """A read-only installation without a cache of the user's: compiled anew in each process."""
    from itaclip_mmseg.models.stages import pamr_kernel

    def compiled(on_disk):
        if on_disk:
            raise RuntimeError('cannot cache function: no locator available')
        return kernel

    kernel = pamr_lattices.compiled_kernel()
    monkeypatch.setattr(pamr_kernel, 'compiled', compiled)
    assert pamr_lattices.compiled_kernel.__wrapped__() is kernel


@pytest.mark.slow
@pytest.mark.usefixtures('compiled')
def test_a_damaged_cache(tmp_path):
    """What is kept on disk is used if it is whole; else the kernel is compiled anew."""
    code = """
import pathlib, sys
from itaclip_mmseg.models.stages.pamr_lattices import compiled_kernel
assert compiled_kernel()
kept = list(pathlib.Path(sys.argv[1]).rglob('*.nb?'))
assert kept
for path in kept:
    path.write_bytes(path.read_bytes()[:100])
assert compiled_kernel.__wrapped__()
"""
    environment = {**os.environ, 'NUMBA_CACHE_DIR': str(tmp_path)}
    subprocess.run([sys.executable, '-c', code, str(tmp_path)], env=environment, check=True)


def same_bits(values: torch.Tensor, others: torch.Tensor) -> bool:
    """Equal, zeros' signs too."""
    return torch.equal(values.contiguous().view(torch.int32), others.contiguous().view(torch.int32))
