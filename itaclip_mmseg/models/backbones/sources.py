"""Where to get weights files that no package downloads, by the file name that configs use."""

from dataclasses import dataclass
from pathlib import PurePosixPath

META = 'https://dl.fbaipublicfiles.com'
GITHUB = 'https://github.com'
HUB = 'https://huggingface.co/nvidia'  # GroupViT's parameters with the names of transformers


@dataclass(frozen=True)
class Source:
    """A published weights file.

    Attributes:
        name: published file name.
        text: where it is, for error messages.
        address: URL of the file; None if there is no direct one.
        gigabytes: approximate size; None if its authors do not state it.
        licence: as far as its authors state one.
        pickled: it contains more than tensors; `convert` writes a safetensors file from it.
    """

    name: str
    text: str
    address: str | None = None
    gigabytes: float | None = None
    licence: str = 'none stated'
    pickled: bool = False


def meta(path: str, megabytes: int) -> Source:
    """A file on Meta's server, under Apache 2.0."""
    address = f'{META}/{path}'
    return Source(PurePosixPath(path).name, f'{address}, {megabytes} MB', address, megabytes / 1000, 'Apache 2.0')


def groupvit(name: str, data: str) -> Source:
    """GroupViT's weights, trained on one set of captions."""
    text = f'{name} in the README of github.com/xvjiarui/GroupViT, by tools/convert_weights.py'
    address = f'{HUB}/groupvit-gcc-{data}/resolve/main/pytorch_model.bin'
    return Source(name, text, address, licence='NVIDIA Source Code License (non-commercial)', pickled=True)


SOURCES = {
    'dino_deitsmall8_300ep_pretrain.pth': meta(
        'dino/dino_deitsmall8_300ep_pretrain/dino_deitsmall8_300ep_pretrain.pth', 87
    ),
    'dino_vitbase16_pretrain.pth': meta('dino/dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth', 343),
    'sam_vit_b_01ec64.pth': meta('segment_anything/sam_vit_b_01ec64.pth', 375),
    'dinov2_vitl14_reg4_pretrain.pth': meta('dinov2/dinov2_vitl14/dinov2_vitl14_reg4_pretrain.pth', 1217),
    'sam2_hiera_large.pt': meta('segment_anything_2/072824/sam2_hiera_large.pt', 898),
    'dino_vitbase8_pretrain.pth': meta('dino/dino_vitbase8_pretrain/dino_vitbase8_pretrain.pth', 343),
    'decoder_weights.pt': Source(
        'decoder_weights.pt',
        'data/weights in github.com/valeoai/FOUND, 3 kB',
        f'{GITHUB}/valeoai/FOUND/raw/HEAD/data/weights/decoder_weights.pt',
        3e-6,
        'Apache 2.0',
    ),
    'deit_s_sin_dist.pth': Source(
        'deit_s_sin_dist.pth',
        'release v0 of github.com/Muzammal-Naseer/Intriguing-Properties-of-Vision-Transformers, 90 MB',
        f'{GITHUB}/Muzammal-Naseer/Intriguing-Properties-of-Vision-Transformers/releases/download/v0/deit_s_sin_dist.pth',
        0.09,
    ),
    'tcl.safetensors': Source(
        'tcl.pth',
        'tcl.pth of the release v1.0.0 of github.com/kakaobrain/tcl, by tools/convert_weights.py',
        f'{GITHUB}/kakaobrain/tcl/releases/download/v1.0.0/tcl.pth',
        licence='MIT',
        pickled=True,
    ),
    'group_vit_gcc_yfcc_30e.safetensors': groupvit('group_vit_gcc_yfcc_30e-879422e0.pth', 'yfcc'),
    'group_vit_gcc_redcap_30e.safetensors': groupvit('group_vit_gcc_redcap_30e-3dd09a76.pth', 'redcaps'),
}
