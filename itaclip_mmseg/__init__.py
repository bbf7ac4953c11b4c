"""ITACLIP for MMSegmentation. Importing this package registers its models, data sets, metrics, hooks and runner."""

import contextlib
import io
import warnings

from itaclip_mmseg.version import __version__

# MMSegmentation announces at import, by print and by warning, optional parts that ITACLIP has no use for (compiled
# operators, a cloud client); nobody who runs this package can act on that.
with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    warnings.simplefilter('ignore')
    import mmseg.datasets
    import mmseg.models  # noqa: F401

from itaclip_mmseg import datasets, engine, evaluation, methods, models, scenes
from itaclip_mmseg.apis.segmenter import Segmenter, segment
from itaclip_mmseg.utils.resources import config_path

__all__ = [
    'Segmenter',
    '__version__',
    'config_path',
    'datasets',
    'engine',
    'evaluation',
    'methods',
    'models',
    'scenes',
    'segment',
]
