import torch

from itaclip_mmseg.utils.processor import fast_precisions, supports


def test_an_older_pytorch_cannot_tell(monkeypatch):
    """Protects PyTorch 2.1, whose `torch.cpu` lacks these private functions."""
    for name in ('amx_tile', 'avx512_bf16', 'amx_fp16'):
        monkeypatch.delattr(torch.cpu, f'_is_{name}_supported', raising=False)
    assert not supports('amx_tile') and fast_precisions() == {'fp32'}


def test_precisions_follow_the_instructions(monkeypatch):
    for name, answer in (('amx_tile', False), ('avx512_bf16', True), ('amx_fp16', False)):
        monkeypatch.setattr(torch.cpu, f'_is_{name}_supported', lambda answer=answer: answer, raising=False)
    assert fast_precisions() == {'fp32', 'bf16'}
