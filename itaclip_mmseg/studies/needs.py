"""List what a config still needs before it can run, and where to get it, without reading large files."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from mmengine.config import Config
from mmseg.registry import MODELS

from itaclip_mmseg.datasets.checks import check_folders
from itaclip_mmseg.datasets.preparation.sources import COLLECTIONS
from itaclip_mmseg.datasets.preparation.weights import weights_in
from itaclip_mmseg.engine.checks import check_config
from itaclip_mmseg.models.backbones.weights import is_download, named_weights, weights_file
from itaclip_mmseg.models.stages.crf import load_crf
from itaclip_mmseg.models.stages.regions import RegionMaps
from itaclip_mmseg.utils.errors import UserError


def missing(config: Config, download: bool) -> list[str]:
    """List what is missing, one line each: data (or what is wrong with them), packages, weights files.

    Args:
        download: let open_clip download weights named by a tag; otherwise they count as available.
    """
    wanted = [name for name in named_weights(config.model) if download or not is_download(*name)]
    files = [partial(weights_file, *name) for name in wanted]
    return list(dict.fromkeys(faults([partial(check_config, config), *checks_of_parts(config.model), *files])))


def missing_parts(model: Mapping) -> list[str]:
    """List what a model's config lacks on this machine, one line each; nothing is downloaded."""
    names = [(weights.arch, weights.pretrained) for weights in weights_in(model) if not weights.is_here()]
    # Without the folders of this machine and addresses: prepare_data.py knows them.
    lines = [line.partition(' (get it')[0].partition(' below ')[0] for line in faults(checks_of_parts(model))]
    return [' '.join(filter(None, name)) for name in names] + lines


def checks_of_parts(model: Mapping) -> list[Callable[[], object]]:
    """Checks of a model's packages and regions."""
    return [partial(check_packages, model), *checks_of_regions(model.get('regions'))]


def checks_of_regions(regions: str | Mapping | None) -> list[Callable[[], object]]:
    """Checks of the packages and weights of a source of regions; no checks without one."""
    return [] if regions is None else [partial(RegionMaps, regions)]


def regions_fault(regions: str | Mapping | None) -> str | None:
    """Return what a source of regions lacks, a package or weights; None if nothing."""
    return next(faults(checks_of_regions(regions)), None)


def faults(checks: list[Callable[[], object]]) -> Iterator[str]:
    """Yield the errors of checks."""
    for check in checks:
        try:
            check()
        except UserError as error:
            yield str(error)


def check_packages(model: Mapping) -> None:
    """Raise a `UserError` if a model needs an optional package that is not installed."""
    if model.get('crf'):
        load_crf()
    for part in model.values():
        kind = MODELS.get(part['type']) if isinstance(part, Mapping) and 'type' in part else None
        if hasattr(kind, 'check_packages'):
            kind.check_packages()


def downloads(model: Mapping) -> list[str]:
    """Architecture and tag of all weights that open_clip will download on first use."""
    return [f'{arch} {tag}' for arch, tag in named_weights(model) if is_download(arch, tag)]


def prepare_command(passes: Iterable[tuple[str, str, Config]], data_root: str | None) -> str | None:
    """The command that downloads all missing data and weights of passes; None if nothing is missing.

    Args:
        passes: dataset, method and config of each pass.
        data_root: the folder that replaces `data`; None for `data`.
    """
    datasets, methods, supplied = {}, {}, set()
    for dataset, method, config in passes:
        if dataset in COLLECTIONS and any(faults([partial(check_folders, config.test_dataloader.dataset)])):
            datasets[dataset] = None
        lacking = {weights for weights in weights_in(config.model) if weights.is_public and not weights.is_here()}
        if not lacking <= supplied:
            methods[method] = None
            supplied |= lacking
    options = [] if data_root is None or not datasets else ['--data-root', shlex.quote(data_root)]
    options += ['--weights', *methods] if methods else []
    return ' '.join(['python tools/prepare_data.py', *datasets, *options]) if datasets or methods else None
