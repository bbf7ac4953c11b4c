"""What our code says of CAR's recorded cases, under the names of the arrays in `car`."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from unittest import mock

import numpy as np
import torch

from golden import arrays, photo
from itaclip_mmseg.methods.car import segmentor as car
from itaclip_mmseg.methods.car.recurrence import Ending, Pass, paint, pair, with_background
from itaclip_mmseg.models.stages.class_activation import map_boxes
from itaclip_mmseg.models.stages.crf import dense_crf, unary_of, wrapped_picture
from itaclip_mmseg.text.bank import TextBank

Answers = dict[str, np.ndarray]
CONFIGS = dict(voc='voc21', coco='coco-object', context='context60')
CASES = {name: tuple(place) for name, place in json.loads(str(arrays('car')['cases'])).items()}


def bank_of_case(bank: TextBank, case: str) -> TextBank:
    """Some cases use a few of the names."""
    chosen = CASES[case][5]
    if chosen is None:
        return bank
    return replace(bank, classes=(bank.classes[0], *(bank.classes[1 + index] for index in chosen)))


def settings_of_case(case: str) -> dict:
    """And other settings."""
    changes = dict(CASES[case][4])
    if 'visual_prompt_type' in changes:
        changes['visual_prompts'] = tuple(changes.pop('visual_prompt_type'))
    return changes


def spied(log: dict[str, list], name: str) -> Callable:
    """A function of the segmentor's module whose results are written down."""
    function = getattr(car, name)

    def call(*args: object) -> object:
        log.setdefault(name, []).append(function(*args))
        return log[name][-1]

    return call


@torch.no_grad()
def car_answers(model: car.CaR, case: str, crf: bool) -> Answers:
    """A case as the model itself goes through it; what needs the CRF only where its package is there."""
    picture, log = photo(*CASES[case][1:4]), {}
    with mock.patch.multiple(car, **{name: spied(log, name) for name in ('with_second_chance', 'prompted', 'recur')}):
        image = torch.from_numpy(picture).movedim(-1, 0).float()
        label = model.class_scores(image, picture.shape[:2]).argmax(dim=0)
    answers = {'crf_image': wrapped_picture(picture), 'label_no_crf': np.zeros(picture.shape[:2], np.uint8)}
    if crf:
        answers['label'] = label.numpy().astype(np.uint8)
    cams, marked = iter(log['with_second_chance']), iter(log['prompted'])
    for names, ending in zip(model.passes.values(), log['recur'], strict=True):
        own = ending_answers(names, ending, picture, crf, answers['label_no_crf']) | stage_answers(
            ending, cams, marked, model.settings.box_threshold
        )
        part = 'stuff/' if names.around is not None else ''
        answers |= {f'{part}{name}': value for name, value in own.items()}
    return answers


def stage_answers(ending: Ending, cams: Iterator, marked: Iterator, threshold: float) -> Answers:
    """Of every stage; the pictures of the first."""
    answers = {}
    for number, stage in enumerate(ending.stages):
        cam, every = next(cams), 5 if len(stage.names) > 8 else 4
        pictures = [next(marked) for _ in stage.names]
        values = dict(
            texts=np.array(stage.names, np.uint8),
            cam=cam.numpy(),
            boxes=np.array([(row, *box) for row, own in enumerate(map_boxes(cam, threshold)) for box in own], np.uint8),
            masks=stage.masks[:, ::every, ::every],
            scores=stage.scores,
            kept=np.array(stage.kept, np.uint8),
        )
        if number == 0:
            sums = np.array([one.astype(np.int64).sum() for one in pictures])
            values |= dict(prompted0=pictures[0], prompted1=pictures[1], prompted_sum=sums)
        answers |= {f'stage{number}/{name}': value for name, value in values.items()}
    return answers


def ending_answers(names: Pass, ending: Ending, picture: np.ndarray, crf: bool, no_crf: np.ndarray) -> Answers:
    """Of what is left; the label map without the CRF is painted into `no_crf`."""
    before = with_background(ending.masks, names.background_factor)
    found = pair(before.argmax(axis=0), ending)
    places = [1 + names.classes[index] for index in found]
    paint(no_crf, [region for _, region in found.values()], [score for score, _ in found.values()], places)
    answers = dict(
        classes=np.array(ending.names, np.uint8),
        label_before_crf=before.argmax(axis=0).astype(np.uint8),
        crf_prob=before[:, ::4, ::4],
    )
    if crf:
        after = dense_crf(unary_of(before), wrapped_picture(picture))
        scores = np.zeros(len(names.classes), np.float32)
        for index, (score, _) in pair(after.argmax(axis=0), ending).items():
            scores[index] = score
        label = after.argmax(axis=0).astype(np.uint8)
        answers |= dict(crf_q=after[:, ::4, ::4], crf_label=label, final_scores=scores)
    return answers
