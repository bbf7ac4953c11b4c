"""The protocol of another method, its image size and window on the same data set: methods compared at equal cost.

Configs are called `<method>_<architecture>_<data set>.py`, each in the folder of its method.
"""

from pathlib import Path

from mmengine.config import Config

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import ROOT

FIGURES = frozenset({'paper', 'expected'})  # that a config states of its own run
WINDOW = ('mode', 'crop_size', 'stride')  # of `test_cfg`; whatever else stands there is the method's


def run_name(path: Path, protocol: str | None) -> str:
    """What a run is called: its config, and the protocol if that is not the config's own."""
    return path.stem if is_own(path, protocol) else f'{path.stem}_{protocol}-protocol'


def is_own(path: Path, protocol: str | None) -> bool:
    """Is it the protocol of the config itself?"""
    return protocol is None or path.stem.split('_')[0] == protocol


def protocol_source(path: Path, protocol: str) -> Path:
    """The config from which to take a method's protocol: its first on the data set of the config at `path`.

    Raises:
        UserError: the method has none there.
    """
    pattern = f'configs/{protocol}/{protocol}_*_{path.stem.split("_")[-1]}.py'
    found = sorted(Path().glob(pattern)) or sorted(ROOT.glob(pattern))
    if not found:
        raise UserError(f'--protocol {protocol}: no {pattern} below {Path.cwd()} or {ROOT}; name a method that has one')
    return found[0]


def adopt_protocol(config: Config, source: Config) -> None:
    """Give a config the test pipeline and the window of another; words, thresholds and refinement stay its own.

    The figures that the config quotes are those of its own protocol, hence left out.
    """
    window, other = (one.model.get('test_cfg', {}) for one in (config, source))
    kept = {key: value for key, value in window.items() if key not in WINDOW}
    config.model.test_cfg = kept | {key: other[key] for key in WINDOW if key in other}
    config.test_pipeline = source.test_pipeline
    config.test_dataloader.dataset.pipeline = source.test_dataloader.dataset.pipeline
    for key in FIGURES:
        config.pop(key, None)
