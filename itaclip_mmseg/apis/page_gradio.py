"""Gradio as `gr`, or one line that names the extra to install."""

from itaclip_mmseg.utils.errors import UserError

try:
    import gradio as gr
except ImportError as error:
    raise UserError("page: needs the package gradio; pip install 'itaclip_mmseg[page]'") from error

__all__ = ['gr']
