"""ReferDINO: the network classes and their parts (see README.md in this folder)."""

from pvuw.nets.referdino.conditional import ConditionalMaskFusion
from pvuw.nets.referdino.grounder import Choice
from pvuw.nets.referdino.net import ReferDino
from pvuw.nets.referdino.plus import PromptChoice, ReferDinoPlus

__all__ = ["Choice", "ConditionalMaskFusion", "PromptChoice", "ReferDino", "ReferDinoPlus"]
