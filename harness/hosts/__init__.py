"""One command on several hosts: its shards are handed out as commands, and what they leave is merged.

A courier carries commands to hosts and files back; Ray is one. It measures nothing: each piece is `python -m harness`
with `--shard`, in a process of its own, as a user would start it there.
"""
