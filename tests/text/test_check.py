"""Words that CLIP cannot tell apart."""

import json

import pytest
from conftest import REPO

from itaclip_mmseg.text.bank import load_bank, parse_bank
from itaclip_mmseg.text.check import check_queries, file_faults
from itaclip_mmseg.utils.errors import UserError


def content(*words, background=False):
    classes = [dict(name=f'class {label}', words=list(own)) for label, own in enumerate(words)]
    return dict(dataset='mine', background=background, classes=classes)


@pytest.mark.parametrize(
    'words', [(['dog'], ['dog']), (['Dog'], ['dog']), (['ice  cream'], ['Ice cream ']), (['a', 'A'],)]
)
def test_one_query_twice_is_a_fault(words, tmp_path):
    """Case and blanks do not reach the text encoder; the second class could never win a pixel."""
    (tmp_path / 'bank.json').write_text(json.dumps(content(*words)))
    (fault,) = file_faults(tmp_path / 'bank.json')
    assert 'bank.json' in fault and repr(words[0][0]) in fault and 'the same to CLIP' in fault
    with pytest.raises(UserError, match='the same to CLIP'):
        check_queries(parse_bank(content(*words)))


def test_words_that_differ_pass():
    assert check_queries(parse_bank(content(['dog', 'hot dog'], ['dogs'], ['hotdog']))) == []


def test_the_background_may_share_a_word():
    """Published lists do so; it is said all the same. Two classes of the foreground may not."""
    (warning,) = check_queries(parse_bank(content(['sky', 'bed'], ['bed'], background=True)))
    assert "'bed' of 'class 0' and 'bed' of 'class 1'" in warning
    with pytest.raises(UserError, match='the same to CLIP'):
        check_queries(parse_bank(content(['bed'], ['bed'], ['bed'], background=True)))
    with pytest.raises(UserError, match='the same to CLIP'):
        check_queries(parse_bank(content(['bed', 'Bed'], ['dog'], background=True)))


def test_banks_of_the_project():
    """Published backgrounds hold words that are classes too: COCO-Object's bed, and what is stuff to CaR."""
    warnings = {path.stem: check_queries(load_bank(path)) for path in (REPO / 'data/text_bank').glob('*.json')}
    named = {name for name, lines in warnings.items() if lines}
    coco = {'coco-object', 'sclip_coco-object', 'proxyclip_coco-object'}
    assert named == coco | {'car_context60'} and len(warnings) >= 20


def test_the_tool_warns_and_goes_on(run_tool):
    done = run_tool('check_text_bank', REPO / 'data/text_bank/coco-object.json')
    assert done.returncode == 0 and 'warning: ' in done.stdout
