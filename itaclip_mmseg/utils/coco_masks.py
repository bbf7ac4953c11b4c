"""COCO's mask functions, from pycocotools."""

from types import ModuleType

from itaclip_mmseg.utils.errors import UserError


def coco_masks() -> ModuleType:
    """Import `pycocotools.mask`, which rasterizes polygons and encodes masks.

    Raises:
        UserError: pycocotools is not installed, as after `pip install --no-deps`.
    """
    try:
        from pycocotools import mask
    except ImportError as error:
        raise UserError('COCO masks: the package pycocotools is missing; pip install pycocotools') from error
    return mask
