"""Using the protocol of another method (image size and window), to compare methods at equal cost.

Configs are named `<method>_<architecture>_<dataset>.py`, in the folder of the method.
"""

from pathlib import Path

from mmengine.config import Config

from itaclip_mmseg.utils.errors import UserError
from itaclip_mmseg.utils.resources import ROOT

FIGURES = frozenset({'paper', 'expected'})  # scores in a config, for its own protocol
WINDOW = ('mode', 'crop_size', 'stride')  # the keys of `test_cfg` that belong to the protocol


def run_name(path: Path, protocol: str | None) -> str:
    """The name of a run: its config, and the protocol if it is another method's."""
    return path.stem if is_own(path, protocol) else f'{path.stem}_{protocol}-protocol'


def is_own(path: Path, protocol: str | None) -> bool:
    """Whether a protocol is that of the config itself."""
    return protocol is None or path.stem.split('_')[0] == protocol


def protocol_source(path: Path, protocol: str) -> Path:
    """The config with a method's protocol: its first config on the dataset of the config at `path`.

    Raises:
        UserError: the method has no config on this dataset.
    """
    pattern = f'configs/{protocol}/{protocol}_*_{path.stem.split("_")[-1]}.py'
    found = sorted(Path().glob(pattern)) or sorted(ROOT.glob(pattern))
    if not found:
        raise UserError(f'--protocol {protocol}: no {pattern} below {Path.cwd()} or {ROOT}; choose another method')
    return found[0]


def adopt_protocol(config: Config, source: Config) -> None:
    """Use the test pipeline and window of another config; words, thresholds and refinement are kept.

    The config's quoted scores are removed, since they belong to its own protocol.
    """
    window, other = (one.model.get('test_cfg', {}) for one in (config, source))
    kept = {key: value for key, value in window.items() if key not in WINDOW}
    config.model.test_cfg = kept | {key: other[key] for key in WINDOW if key in other}
    config.test_pipeline = source.test_pipeline
    config.test_dataloader.dataset.pipeline = source.test_dataloader.dataset.pipeline
    for key in FIGURES:
        config.pop(key, None)
