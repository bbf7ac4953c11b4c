"""Training-free open-vocabulary segmentation for MMSegmentation.

Importing this package registers its models, datasets, metrics, hooks and runner.
"""

import contextlib
import io
import warnings

from itaclip_mmseg.version import __version__

# On import, MMSegmentation prints and warns about optional parts that this package does not use (compiled operators, a
# cloud client).
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
