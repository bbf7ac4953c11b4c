"""Methods with their own segmentor, for comparison with that of the page; they share only the photograph."""

import threading
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from itaclip_mmseg.apis.segmentation import Segmentation
from itaclip_mmseg.apis.segmenter import Segmenter
from itaclip_mmseg.engine.config import parse_options
from itaclip_mmseg.models.stages.encode import Track
from itaclip_mmseg.text.bank import TextBank
from itaclip_mmseg.utils.errors import UserError, one_line


class Other(NamedTuple):
    """A method to compare with.

    Attributes:
        config: its path.
        options: overrides, KEY=VALUE as of --cfg-options, which give it the page's weights.
        needs: what is missing before it can run, one line each.
    """

    config: str
    options: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


class Others:
    """Segments with other methods. Only the last method's networks stay in memory.

    Args:
        methods: by the name of its paper.

    Attributes:
        ready: methods that can run.
        lacking: methods that cannot.
    """

    def __init__(self, methods: Mapping[str, Other]) -> None:
        self.ready = {name: one for name, one in methods.items() if not one.needs}
        self.lacking = {name: one for name, one in methods.items() if one.needs}
        self.loaded: tuple[str, Segmenter] | None = None
        self.lock = threading.Lock()  # visitors take turns

    def segment(self, name: str, image: np.ndarray, bank: TextBank, track: Track = iter) -> Segmentation:
        """Segment an image, H x W x 3 uint8, RGB, with the default settings of a method.

        Raises:
            UserError: the method cannot use these words, or its weights cannot be read; the line starts with its name.
        """
        with self.lock:
            try:
                return self.segmenter(name, bank).encode(image, track).segment(bank)
            except UserError as error:
                raise UserError(f'{name}: {one_line(error)}') from error

    def segmenter(self, name: str, bank: TextBank) -> Segmenter:
        """The method's segmenter, which is built on first use."""
        if self.loaded is None or self.loaded[0] != name:
            self.loaded = None  # so that only one is in memory
            method = self.ready[name]
            self.loaded = name, Segmenter(bank, method.config, parse_options(method.options))
        return self.loaded[1]
