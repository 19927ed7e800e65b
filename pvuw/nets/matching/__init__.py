"""What XMem, Cutie and LiVOS have in common: matching the frame at hand against memory.

The three descend from one another (Cheng and Schwing 2022, https://arxiv.org/abs/2207.07115; Cheng
et al. 2024, https://arxiv.org/abs/2310.12982; Liu et al. 2025, https://arxiv.org/abs/2411.02818).
Names of weights are those of the published checkpoints.
"""
