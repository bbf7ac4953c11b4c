"""Pictures: what is painted where."""

import numpy as np
from PIL import Image, ImageFont

from itaclip_mmseg.utils.colours import distinct_colours
from itaclip_mmseg.visualization.overlay import MARGIN, OPACITY, draw_legend, draw_panels, paint, write_names


def test_paint():
    """Known labels take their colour, ignored pixels keep theirs, borders are white."""
    image = np.full((4, 6, 3), 100, np.uint8)
    labels = np.zeros((4, 6), np.uint8)
    labels[:, 3:] = 255
    painted = np.asarray(paint(image, labels, [(200, 0, 0)]))
    mixed = (1 - OPACITY) * 100 + OPACITY * np.array((200, 0, 0))
    assert np.array_equal(painted[0, 0], mixed.round())
    assert (painted[:, 2] == 255).all() and (painted[:, 3:] == 100).all()


def test_background_stays_unpainted():
    """Black over it would darken every picture; borders to it are drawn."""
    image = np.full((4, 6, 3), 100, np.uint8)
    labels = np.zeros((4, 6), np.uint8)
    labels[:, 3:] = 1
    painted = np.asarray(paint(image, labels, [(0, 0, 0), (200, 0, 0)], background=True))
    assert (painted[:, :2] == 100).all() and (painted[:, 2] == 255).all() and (painted[:, 3:, 0] > 100).all()


def test_large_regions_are_named():
    """Both halves of a class in two pieces, where there is room; the background and small regions are not."""
    labels = np.zeros((120, 300), np.int64)
    labels[10:110, 10:130], labels[10:110, 170:290], labels[0:4, 0:4] = 1, 1, 2
    picture = Image.new('RGB', (300, 120), (128, 128, 128))
    write_names(picture, labels, ['background', 'cat', 'dog'], background=True)
    written = (np.asarray(picture) != 128).any(axis=-1)
    assert written[:, 10:130].any() and written[:, 170:290].any()
    assert not written[labels != 1].any()


def test_colours_are_distinct():
    colours = distinct_colours(181)
    assert len(set(colours)) == 181
    near = np.abs(np.diff(np.array(colours), axis=0)).sum(axis=1)
    assert near.min() > 100  # neighbours in a list are told apart


def test_panels_hold_every_picture_and_a_legend_of_what_occurs():
    image = np.zeros((60, 80, 3), np.uint8)
    labels = np.zeros((60, 80), np.int64)
    names, colours = ['sky', 'a name that is rather long'], [(255, 0, 0), (0, 255, 0)]
    one = np.asarray(draw_panels(image, dict(prediction=labels), names, colours))
    two = np.asarray(draw_panels(image, dict(truth=labels, prediction=labels), names, colours))
    assert two.shape[1] == one.shape[1] + 80 + MARGIN
    assert (one == (255, 0, 0)).all(axis=-1).any() and not (one == (0, 255, 0)).all(axis=-1).any()


def test_a_long_legend_takes_columns():
    font = ImageFont.load_default(13)
    legend = draw_legend([f'class {index}' for index in range(100)], distinct_colours(100), font, height=200)
    assert legend.height <= 201 and legend.width > 300
