"""Weights shared out over processes (FSDP2), and the whole network that validation runs.

`fully_shard` splits each weight by rows over the processes, gathers those of a unit while the unit
runs, and hands every process its rows of the gradient (Zhao et al. 2023,
https://arxiv.org/abs/2304.11277; torch's FSDP2).
"""

import copy
from collections.abc import Mapping
from itertools import chain
from typing import Any

import lightning
import torch
from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer

from pvuw.errors import PvuwError
from pvuw.nets.base import VideoSegmenter
from pvuw.nets.tuning import TuningConfig


class ShardedStrategy(ModelParallelStrategy):
    """Every process holds its share of weights, gradients and optimizer state (FSDP2).

    Weights are shared out over the processes of a node; several nodes hold a copy each. Checkpoints
    are one file with whole tensors, the same as those of a single process or of DDP: any of these
    continues, exports or predicts with another's. Every process reads that file whole.

    Args:
        process_group_backend: How processes talk: `nccl` or `gloo`; default: what suits the device.
    """

    def __init__(self, process_group_backend: str | None = None) -> None:
        super().__init__(
            save_distributed_checkpoint=False, process_group_backend=process_group_backend
        )

    @property
    def shard_mesh(self) -> DeviceMesh:
        """The processes of a node or, by node and process, those of several."""
        # Left to itself Lightning 2.6.6 makes a grid of nodes and processes and names its columns
        # for tensor parallelism, which nothing here does.
        return self.device_mesh if self.num_nodes > 1 else self.device_mesh["tensor_parallel"]

    @property
    def lightning_restore_optimizer(self) -> bool:
        """Let the trainer call `load_optimizer_state_dict`."""
        return True

    def lightning_module_state_dict(self) -> dict[str, Any]:
        """Whole weights in the first process, nothing in the others."""
        assert self.lightning_module is not None
        return self._gathered(self.lightning_module.state_dict())

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """Whole moments in the first process, nothing in the others; laid out as by torch."""
        state = optimizer.state_dict()
        each = {number: self._gathered(kept) for number, kept in state["state"].items()}
        return {**state, "state": each} if self.is_global_zero else {}

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> Any:
        """Read the one file; the two methods below share its tensors out."""
        return self.checkpoint_io.load_checkpoint(checkpoint_path, weights_only=weights_only)

    def load_model_state_dict(self, checkpoint: Mapping[str, Any], strict: bool = True) -> None:
        """Take this process's share of the weights."""
        assert self.lightning_module is not None
        own = self.lightning_module.state_dict()
        given = {n: _share_of(value, own.get(n)) for n, value in checkpoint["state_dict"].items()}
        self.lightning_module.load_state_dict(given, strict=strict)

    def load_optimizer_state_dict(self, checkpoint: Mapping[str, Any]) -> None:
        """Take this process's share of the moments."""
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            # Numbers are names here: torch matches parameters by their place in the groups.
            numbers = chain.from_iterable(group["params"] for group in state["param_groups"])
            parameters = chain.from_iterable(group["params"] for group in optimizer.param_groups)
            each = {
                number: {k: _share_of(v, parameter) for k, v in state["state"][number].items()}
                for number, parameter in zip(numbers, parameters, strict=True)
                if number in state["state"]
            }
            optimizer.load_state_dict({**state, "state": each})

    def _gathered(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """Whole tensors on the CPU of the first process; all processes have to ask for them."""
        whole = {}
        for name, value in tensors.items():
            tensor = value.full_tensor() if isinstance(value, DTensor) else value
            if self.is_global_zero:
                whole[name] = tensor.cpu() if isinstance(tensor, Tensor) else tensor
        return whole


def _share_of(value: Any, like: Any) -> Any:
    """This process's share of a whole tensor, where the tensor it is for is shared out."""
    if not isinstance(like, DTensor) or value.shape != like.shape:
        return value  # a count of steps, or what `load_state_dict` has a message for
    # Every process has read the file, so none has to be sent anything.
    return distribute_tensor(
        value.to(like.device), like.device_mesh, like.placements, src_data_rank=None
    )


class WholeNetwork:
    """A copy of a network that runs without the other processes, its weights gathered on demand.

    Validation runs videos of different lengths in each process, so no frame may wait for the
    others. The copy has none of the hooks that would, and between uses no weights.

    Args:
        net: The network, before it is sharded.
    """

    def __init__(self, net: VideoSegmenter) -> None:
        empty: dict[int, Any] = {
            id(p): nn.Parameter(p.new_empty(0), requires_grad=False) for p in net.parameters()
        }
        self.net = copy.deepcopy(net, empty).eval()

    def gather(self, net: VideoSegmenter, device: torch.device) -> None:
        """Copy the weights of the sharded network; all processes have to call it."""
        with torch.inference_mode(False), torch.no_grad():
            self.net.to(device)
            for own, shared in zip(self.net.parameters(), net.parameters(), strict=True):
                assert isinstance(shared, DTensor), "shared out with the module"
                own.data = shared.full_tensor()
            for buffer, current in zip(self.net.buffers(), net.buffers(), strict=True):
                buffer.copy_(current)

    def release(self) -> None:
        """Free the weights."""
        for parameter in self.net.parameters():
            parameter.data = parameter.data.new_empty(0)


def share_out(
    module: lightning.LightningModule, net: VideoSegmenter, *, tuning: TuningConfig
) -> WholeNetwork | None:
    """The network for validation, after a module's weights were shared out over processes.

    Done for a fit with `ShardedStrategy`, otherwise None is returned: nothing but training needs
    gradients and optimizer state. All processes start from the first one's weights, as with DDP.
    What the network names in `shard_units` is gathered while it runs, everything else of the module
    during `training_step`.

    Raises:
        PvuwError: If the network has no units, or the recipe asks for what sharding excludes.
    """
    strategy = module.trainer.strategy
    if not isinstance(strategy, ShardedStrategy):
        _refuse_other_sharding(strategy)
        return None
    if module.trainer.state.fn != TrainerFn.FITTING:
        return None
    units = net.shard_units()
    if not units:
        raise PvuwError(
            f"trainer.strategy ShardedStrategy: {type(net).__name__} names no units to shard, as "
            "SAM 2 and 3 do; leave out overlays/fsdp.yaml"
        )
    if tuning.compile is not None:
        raise PvuwError(
            f"trainer.strategy ShardedStrategy and model.tuning.compile {tuning.compile!r} do not "
            "go together; leave out overlays/compile.yaml or overlays/fsdp.yaml"
        )
    _start_alike(module, strategy.root_device)
    whole = WholeNetwork(net)
    mesh = strategy.shard_mesh
    for name in units:
        fully_shard(net.get_submodule(name), mesh=mesh)
    fully_shard(module, mesh=mesh)
    register_fsdp_forward_method(module, "training_step")
    return whole


def _refuse_other_sharding(strategy: object) -> None:
    """Stop where one of Lightning's own sharding strategies is asked for."""
    if isinstance(strategy, FSDPStrategy | DeepSpeedStrategy | ModelParallelStrategy):
        raise PvuwError(
            f"trainer.strategy {type(strategy).__name__} cannot run this network, nor validate "
            "whole videos; give --config overlays/fsdp.yaml instead"
        )


@torch.no_grad()
def _start_alike(module: nn.Module, device: torch.device) -> None:
    """Give all processes the weights of the first."""
    for tensor in chain(module.parameters(), module.buffers()):
        on_device = tensor.to(device)
        torch.distributed.broadcast(on_device, src=0)
        tensor.copy_(on_device)
