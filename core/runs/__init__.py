"""Runs on disk: their configuration, events, folder, status, queue and starting. Never imports torch.

Starting a run and listing thousands of them must not cost the seconds that importing torch takes.
"""
