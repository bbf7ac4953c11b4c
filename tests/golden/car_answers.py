"""What our code says of CAR's recorded cases, under the names of the arrays in `car`."""

import json
from dataclasses import replace

import numpy as np
import torch

from golden import arrays, photo
from itaclip_mmseg.models.segmentors.car import CaR, View
from itaclip_mmseg.models.stages import recurrence
from itaclip_mmseg.models.stages.affinity import patch_attention, transitions
from itaclip_mmseg.models.stages.class_activation import class_activation, map_boxes, with_second_chance
from itaclip_mmseg.models.stages.crf import dense_crf, unary_of, wrapped_picture
from itaclip_mmseg.models.stages.photograph import whole_patches
from itaclip_mmseg.models.stages.visual_prompt import prompted
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


class Recorder:
    """A model's own stages, with what they pass to each other written down."""

    def __init__(self, model: CaR, case: str) -> None:
        self.model, self.case, self.answers = model, case, {}
        self.picture = photo(*CASES[case][1:4])
        pixels = whole_patches(self.picture, model.backbone.patch_size)
        layers = model.settings.affinity_layers
        inputs = model.backbone.shared_blocks(pixels, layers, 'bilinear_half')
        self.view = View(self.picture, inputs, transitions(patch_attention(inputs, layers)))

    def propose(self, names: recurrence.Pass, entered: list[int], first: bool) -> np.ndarray:
        """As the model does, and its cams and boxes."""
        model = self.model
        self.stage = 0 if first else self.stage + 1
        own = [names.classes[index] for index in entered]
        around = model.around if names.around is None else model.texts[names.around]
        texts = torch.cat([(model.bare_texts if first else model.texts)[own], around])

        def find(texts: torch.Tensor, classes: list[int]) -> np.ndarray:
            inputs = self.view.inputs
            return class_activation(model.backbone, inputs.x, inputs.grid, 100, 1e-15, texts, classes)

        cam = with_second_chance(find, texts, len(own))
        boxes = map_boxes(cam, model.settings.box_threshold)
        masks = model.propose(self.view, names, entered, first)
        every = 5 if len(own) > 8 else 4
        self.write(
            names,
            texts=np.array(entered, np.uint8),
            cam=cam.numpy(),
            boxes=np.array([(index, *box) for index, some in enumerate(boxes) for box in some], np.uint8),
            masks=masks[:, ::every, ::every],
        )
        return masks

    def judge(self, names: recurrence.Pass, entered: list[int], masks: np.ndarray) -> np.ndarray:
        """As the model does, and the pictures it judges."""
        marked = [
            prompted(self.picture, mask, self.model.settings.mask_threshold, names.visual_prompts) for mask in masks
        ]
        scores = self.model.judge(self.picture, names, entered, masks)
        if self.stage == 0:
            sums = np.array([one.astype(np.int64).sum() for one in marked])
            self.write(names, prompted_sum=sums, prompted0=marked[0], prompted1=marked[1])
        self.write(names, scores=scores)
        return scores

    def write(self, names: recurrence.Pass, **values: np.ndarray) -> None:
        """Under the stage's name."""
        part = 'stuff/' if names.around is not None else ''
        self.answers |= {f'{part}stage{self.stage}/{name}': value for name, value in values.items()}


@torch.no_grad()
def car_answers(model: CaR, case: str, crf: bool) -> Answers:
    """A case; what needs the CRF only where its package is there."""
    recorder, picture = Recorder(model, case), photo(*CASES[case][1:4])
    canvases = {'label_no_crf': np.zeros(picture.shape[:2], np.uint8)}
    if crf:
        canvases['label'] = np.zeros(picture.shape[:2], np.uint8)
    for names in model.passes.values():
        part, number = 'stuff/' if names.around is not None else '', len(names.classes)
        ending = recurrence.recur(
            number,
            lambda entered, first, names=names: recorder.propose(names, entered, first),
            lambda entered, masks, names=names: recorder.judge(names, entered, masks),
            model.settings.confidence_threshold,
        )
        answers = {f'stage{index}/kept': np.array(stage.kept, np.uint8) for index, stage in enumerate(ending.stages)}
        before = recurrence.with_background(ending.masks, names.background_factor)
        closed = dict(label_no_crf=before.argmax(axis=0))
        answers |= dict(label_before_crf=closed['label_no_crf'].astype(np.uint8), crf_prob=before[:, ::4, ::4])
        if crf:
            after = dense_crf(unary_of(before), wrapped_picture(picture))
            closed['label'] = after.argmax(axis=0)
            answers |= dict(crf_q=after[:, ::4, ::4], crf_label=closed['label'].astype(np.uint8))
        for kind, labels in closed.items():
            found = recurrence.pair(labels, ending)
            scores = np.zeros(number, np.float32)
            scores[list(found)] = [score for score, _ in found.values()]
            if kind == 'label' or not crf:
                answers |= dict(final_scores=scores)
            places = [1 + names.classes[index] for index in found]
            regions = [region for _, region in found.values()]
            recurrence.paint(canvases[kind], regions, [score for score, _ in found.values()], places)
        answers['classes'] = np.array(ending.names, np.uint8)
        recorder.answers |= {f'{part}{name}': value for name, value in answers.items()}
    return recorder.answers | canvases | dict(crf_image=wrapped_picture(picture))
