"""COCO's own code for masks."""

from types import ModuleType

from itaclip_mmseg.utils.errors import UserError


def coco_masks() -> ModuleType:
    """The module `pycocotools.mask`, which draws polygons and packs masks.

    Raises:
        UserError: it is not installed, as after `pip install --no-deps`.
    """
    try:
        from pycocotools import mask
    except ImportError as error:
        raise UserError("COCO's polygons and masks: need the package pycocotools; pip install pycocotools") from error
    return mask
