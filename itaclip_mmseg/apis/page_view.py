"""Show an answer in the browser: pictures that name the class under the pointer, and a legend."""

import base64
import html
import io
import json
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from PIL import Image

from itaclip_mmseg.apis.segmentation import Segmentation


def view(results: Mapping[str, Segmentation], shown: Collection[str] | None = None) -> str:
    """The HTML of painted label maps beside each other; `page.js` reads names and labels from it.

    Args:
        results: by title.
        shown: names of the classes to paint; None for all.
    """
    first = next(iter(results.values()))
    figures = ''.join(figure(title, result, shown) for title, result in results.items())
    tip = '<div class="tip" role="status" hidden></div>'
    return f'<style>{swatches(first)}</style><div class="figures">{figures}</div>{tip}'


def figure(title: str, result: Segmentation, shown: Collection[str] | None) -> str:
    """A painted label map, and the labels themselves in a hidden picture."""
    names, title = html.escape(json.dumps(result.names)), html.escape(title)
    found = html.escape(', '.join(f'{name} {share:.0%}' for name, share in result.shares().items() if share))
    painted, labels = data_url(result.painted(shown), 'JPEG'), data_url(as_colours(result.labels), 'PNG')
    return (
        f'<figure data-names="{names}"><img tabindex="0" alt="{title}: {found}" src="{painted}">'
        f'<img hidden alt="" src="{labels}"><figcaption>{title}</figcaption></figure>'
    )


def as_colours(labels: np.ndarray) -> Image.Image:
    """Labels as a picture that a browser does not alter: red + 256 green."""
    return Image.fromarray(np.stack([labels % 256, labels // 256, 0 * labels], axis=-1).astype(np.uint8))


def data_url(picture: Image.Image, kind: str) -> str:
    """A picture inside HTML, as a lightly compressed PNG, since it is sent only over a local network."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **(dict(quality=90) if kind == 'JPEG' else dict(compress_level=1)))
    return f'data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}'


def swatches(result: Segmentation) -> str:
    """The style with each class's colour in the legend; the background has none."""
    return ''.join(
        f'.legend .wrap label:nth-of-type({label + 1})::before{{background:rgb{colour}}}'
        for label, colour in enumerate(result.colours)
        if not (result.background and label == 0)
    )


def legend(results: Mapping[str, Segmentation]) -> list[tuple[str, str]]:
    """One line per class, by label: its share of the picture in each result, and its name."""
    shares = [result.shares() for result in results.values()]
    names = next(iter(results.values())).names
    return [(f'{name}: {" | ".join(per_cent(share[name]) for share in shares)}', name) for name in names]


def per_cent(share: float) -> str:
    """Format a share; a dash for zero, so that the others stand out."""
    return f'{share:.1%}' if share else '-'


def fault(*lines: str) -> str:
    """Errors as HTML: their escaped texts, one line each."""
    return ''.join(f'<span class="fault">{html.escape(line)}</span>' for line in dict.fromkeys(lines))


def warned(lines: Sequence[str]) -> str:
    """Warnings as HTML."""
    return ''.join(f'<span class="warning">{html.escape(line)}</span>' for line in lines)
