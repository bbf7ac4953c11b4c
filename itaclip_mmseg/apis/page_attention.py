"""Show in the browser what a patch attends to: two large maps, a slider over the layers, one sentence per layer."""

import html
import json

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image

from itaclip_mmseg.apis.attention import PatchAttention
from itaclip_mmseg.apis.page_view import data_url, per_cent
from itaclip_mmseg.apis.segmentation import Segmentation

TITLES = {'q-k': "CLIP's own attention (q-k)", 'q-q + k-k': 'self-self attention (q-q + k-k)'}


def attention_view(attention: PatchAttention, result: Segmentation) -> str:
    """The HTML of the maps, the last layer first; `attention.js` moves through the layers."""
    depth = len(next(iter(attention.maps.values())))
    sentences = html.escape(json.dumps([sentence(attention, result, layer) for layer in range(depth)]))
    figures = ''.join(figure(attention, name) for name in attention.maps)
    return (
        f'<p class="sentence" aria-live="polite">{html.escape(sentence(attention, result, depth - 1))}</p>'
        f'<label class="layers">Layer <output>{depth}</output> of {depth} '
        f'<input type="range" min="1" max="{depth}" value="{depth}" data-sentences="{sentences}"></label>'
        f'<div class="maps">{figures}</div>'
    )


def figure(attention: PatchAttention, name: str) -> str:
    """The photograph, the layers of a kind of attention over it, and the patch marked."""
    height, width = attention.image.shape[:2]
    left, top, across, down = attention.box
    layers = ''.join(
        f'<img class="layer" alt="" {"" if last else "hidden"} src="{data_url(heat(weights), "PNG")}">'
        for weights, last in zip(attention.maps[name], [False] * (len(attention.maps[name]) - 1) + [True])
    )
    place = f'left:{left / width:.3%};top:{top / height:.3%};width:{across / width:.3%};height:{down / height:.3%}'
    photo = data_url(Image.fromarray(attention.image), 'JPEG')
    return (
        f'<figure><div class="map"><img alt="{html.escape(TITLES[name])}" src="{photo}">{layers}'
        f'<span class="patch" style="{place}"></span></div>'
        f'<figcaption>{html.escape(TITLES[name])}</figcaption></figure>'
    )


def heat(weights: torch.Tensor) -> Image.Image:
    """A layer's map, rows x columns, as colours that are less transparent where there is more attention."""
    shares = weights.cpu().numpy()
    shares = shares / max(shares.max(), 1e-12)
    colours = colormaps['inferno'](shares)
    colours[..., 3] = 0.35 + 0.5 * shares
    return Image.fromarray((colours * 255).astype(np.uint8))


def sentence(attention: PatchAttention, result: Segmentation, layer: int) -> str:
    """One sentence on what a layer, counted from 0, shows."""
    row, column = attention.patch
    labels = patch_labels(result.labels, attention)
    parts = []
    for name, layers in attention.maps.items():
        weights = layers[layer].cpu().numpy()
        shares = np.bincount(labels.ravel(), weights.ravel(), len(result.names)) / max(weights.sum(), 1e-12)
        best = int(shares.argmax())
        parts.append(f'{per_cent(shares[best])} on {result.names[best]!r} by {name}')
    return (
        f'Layer {layer + 1}: the marked patch, labelled {result.names[labels[row, column]]!r}, '
        f'has most of its attention on these classes: {", ".join(parts)}.'
    )


def patch_labels(labels: np.ndarray, attention: PatchAttention) -> np.ndarray:
    """The label in the middle of every patch, rows x columns."""
    rows, columns = next(iter(attention.maps.values())).shape[1:]
    down = ((np.arange(rows) + 0.5) * labels.shape[0] / rows).astype(int)
    across = ((np.arange(columns) + 0.5) * labels.shape[1] / columns).astype(int)
    return labels[np.ix_(down, across)]
