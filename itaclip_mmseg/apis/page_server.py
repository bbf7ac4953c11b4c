"""The page's server.

with serving(Workbench('configs/itaclip/itaclip_tiny_scenes.py')) as address: ...
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from itaclip_mmseg.apis.page import Page, gr
from itaclip_mmseg.apis.page_layout import script
from itaclip_mmseg.apis.page_session import Workbench
from itaclip_mmseg.utils.errors import UserError

VISITORS = 16  # whose photographs are kept, as tokens of up to 150 MB each; the oldest make room


def theme() -> gr.themes.Base:
    """Gradio's default theme with a contrast of at least 4.5 for all text."""
    grey, light, orange, brown = '#52525b', '#b4b4bc', '#c2410c', '#9a3412'
    return gr.themes.Default().set(
        button_primary_background_fill=orange,
        button_primary_background_fill_dark=orange,
        button_primary_background_fill_hover=brown,
        button_primary_background_fill_hover_dark=brown,
        body_text_color_subdued=grey,
        body_text_color_subdued_dark=light,
        block_info_text_color=grey,
        block_info_text_color_dark=light,
    )


@contextmanager
def serving(
    workbench: Workbench, examples: Sequence[np.ndarray] = (), host: str = '127.0.0.1', port: int | None = None
) -> Iterator[str]:
    """Serve the page while the context lasts; gives its address. Uploads and files go with it.

    Args:
        examples: photographs to choose from, H x W x 3 uint8, RGB.
        port: None for the first free one from 7860 on.

    Raises:
        UserError: the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix='itaclip_mmseg_page_') as folder:
        os.environ |= dict(GRADIO_TEMP_DIR=folder, GRADIO_ANALYTICS_ENABLED='False', GRADIO_RUN_HISTORY='False')
        files = [Path(folder) / f'scene_{index}.png' for index in range(1, len(examples) + 1)]
        for file, image in zip(files, examples):
            Image.fromarray(image).save(file)
        blocks = Page(workbench, files, folder).blocks
        try:
            _, address, _ = blocks.launch(
                server_name=host,
                server_port=port,
                share=False,
                ssr_mode=False,
                max_file_size='20mb',
                state_session_capacity=VISITORS,
                theme=theme(),
                css=script('page.css'),
                footer_links=[],
                quiet=True,
                prevent_thread_lock=True,
            )
        except OSError as error:
            raise UserError(f'--port {port}: not free on {host}; name another') from error
        try:
            yield address
        finally:
            blocks.close(verbose=False)
