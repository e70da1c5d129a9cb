"""From the bytes of any photo to its pixels: one way for data sets and for Predict. Never imports torch.

`photo.py` is the door. Pillow reads most files; what it does not read as it is meant, the other modules do.
"""
