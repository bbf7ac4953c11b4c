"""CorrCLIP's second version without its memory bank: DINOv2 (ViT-L/14 with registers) sees the whole photograph."""

_base_ = ['./corrclip_vit-b-16.py']
model = dict(type='CorrCLIP2', dino=dict(type='DINOv2', pretrained='data/weights/dinov2_vitl14_reg4_pretrain.pth'))
