"""What a config still needs before it can run, and where that is to be had; nothing large is read for it."""

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import open_clip
from huggingface_hub import try_to_load_from_cache
from mmengine.config import Config
from mmseg.registry import MODELS

from itaclip_mmseg.engine.testing import check_config
from itaclip_mmseg.models.backbones.weights import named_weights, weights_file
from itaclip_mmseg.models.stages.crf import load_crf
from itaclip_mmseg.models.stages.regions import RegionMaps
from itaclip_mmseg.utils.errors import UserError

HUB_FILES = ('open_clip_model.safetensors', 'open_clip_pytorch_model.bin')  # of a tag that names a repository alone


def missing(config: Config, download: bool) -> list[str]:
    """What is missing, a line each: data, or what is wrong with it, packages, files of weights.

    Args:
        download: let open_clip fetch what a tag names and is not here; else it counts as if it were here.
    """
    wanted = [name for name in named_weights(config.model) if download or not is_download(*name)]
    files = [partial(weights_file, *name) for name in wanted]
    checks = [partial(check_config, config), partial(check_packages, config.model), *files]
    if config.model.get('regions'):
        checks.append(partial(RegionMaps, config.model.regions))
    return list(dict.fromkeys(faults(checks)))


def faults(checks: list[Callable[[], object]]) -> Iterator[str]:
    """What checks complain of."""
    for check in checks:
        try:
            check()
        except UserError as error:
            yield str(error)


def check_packages(model: Mapping) -> None:
    """Raise a `UserError` for an optional package that a model's config asks for and that is not installed."""
    if model.get('crf'):
        load_crf()
    for part in model.values():
        kind = MODELS.get(part['type']) if isinstance(part, Mapping) and 'type' in part else None
        if hasattr(kind, 'check_packages'):
            kind.check_packages()


def downloads(model: Mapping) -> list[str]:
    """Architecture and tag of all that open_clip will download when it is first used."""
    return [f'{arch} {tag}' for arch, tag in named_weights(model) if is_download(arch, tag)]


def is_download(arch: str | None, pretrained: str) -> bool:
    """Is it a tag of open_clip whose weights are not on this machine?"""
    if arch is None or not open_clip.is_pretrained_cfg(arch, str(pretrained)):
        return False
    repository, name = os.path.split(open_clip.get_pretrained_cfg(arch, pretrained).get('hf_hub') or '')
    names = [name] if name else HUB_FILES
    return not repository or not any(isinstance(try_to_load_from_cache(repository, one), str) for one in names)
