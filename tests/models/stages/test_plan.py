"""What settings may ask of an image that is encoded already."""

import pytest

from itaclip_mmseg.last_block import AttentionSum
from itaclip_mmseg.models.stages.plan import categories_by_block, check_encoded, finest_stride
from itaclip_mmseg.models.stages.sliding import Grid
from itaclip_mmseg.settings import Settings
from itaclip_mmseg.utils.errors import UserError

VIEWS, PLAIN = Settings(stride=(28, 28)), Settings(stride=(28, 28), image_engineering=False)
GRID = Grid((60, 88), (32, 32), (28, 28))


@pytest.mark.parametrize('settings', [VIEWS, PLAIN])
def test_what_was_encoded_for_settings_serves_them(settings):
    """And a coarser stride; not one more than was asked for."""
    tokens = {block: dict.fromkeys(names) for block, names in categories_by_block([settings]).items()}
    check_encoded(settings, tokens, GRID)
    check_encoded(settings.vary(dict(stride=(28, 56))), tokens, Grid((60, 88), (32, 32), (28, 28)))
    for stride in ((27, 28), (28, 27)):
        with pytest.raises(UserError, match=rf'stride=\({stride[0]}, {stride[1]}\).*multiple'):
            check_encoded(settings.vary(dict(stride=stride)), tokens, GRID)
    with pytest.raises(UserError, match='encoded with another'):
        check_encoded(settings.vary(dict(attention='qk')), tokens, GRID)
    if settings is PLAIN:
        with pytest.raises(UserError, match='image_engineering=True'):
            check_encoded(VIEWS, tokens, GRID)


def test_what_many_settings_need_together():
    assert categories_by_block([VIEWS, PLAIN]) == {AttentionSum(): {'first', 'second', 'plain'}}
    assert finest_stride([VIEWS.vary(dict(stride=(56, 14))), VIEWS]) == (28, 14)
    assert finest_stride([VIEWS, VIEWS.vary(dict(stride=None))]) is None
