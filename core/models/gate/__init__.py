"""The gate through which every file of tensors passes: what a file says it holds, found out without torch.

A file is hostile until checked. Its headers alone are read here, within the limits of `core.models.gate.limits`; the
numbers are read by `core.models.files`, from the places that passed.
"""
