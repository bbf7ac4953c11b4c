"""Metrics."""

from itaclip_mmseg.evaluation.iou import ExactIoUMetric

__all__ = ['ExactIoUMetric']
