"""GPU compute time, measured as trtexec does, around any function that enqueues an inference.

Same as in trtexec (NVIDIA/TensorRT, samples/common/sampleInference.cpp and sampleReporting.cpp, v11.1): the GPU
compute time is the interval between two CUDA events, recorded in the stream right before and after one inference;
inferences follow back to back, and the host waits for the oldest while the next is already enqueued; an inference
runs once without a graph before it is captured as a CUDA graph; figures are medians.

Different from trtexec: blocks, not seconds, are timed (`harness.timing.loop`), the throughput counts computing alone,
and the host latency is the time a caller waits for one inference, not a sum of three intervals (`GpuTimer.figures`).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from foundation.units import NANOSECONDS_PER_MILLISECOND
from harness.errors import HarnessError
from harness.machine.gpu.driver import CudaDriver, CudaError, CudaOutOfMemoryError
from harness.machine.gpu.figures import GpuFigures
from harness.machine.gpu.settings import GpuSettings
from harness.timing.loop import runs_that_fill

# Length of each of the two measurements in `figures`. In 100 ms the first inference, on an idle GPU, hardly counts.
_FIGURES_MS = 100.0
_FIGURES_MIN_RUNS = 10

# trtexec's thresholds (printEpilog in sampleReporting.cpp, v11.1): enqueue time over compute time, and the coefficient
# of variation in percent, which was 1 up to version 10.13.
_ENQUEUE_BOUND = 0.8
_UNSTABLE_PERCENT = 2.5


class GpuTimer:
    """Runs and times the inferences that `enqueue` puts into a stream.

    `enqueue` takes no arguments and returns when the inference is enqueued; its input is already on the device. All
    events are created here, so that nothing is allocated while a block is timed; they and the graph are freed with
    the driver.
    """

    def __init__(
        self,
        driver: CudaDriver,
        stream: int,
        enqueue: Callable[[], None],
        settings: GpuSettings,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        if settings.queue_depth < 1:
            raise ValueError(f"The queue depth must be at least 1, not {settings.queue_depth}.")
        self._driver = driver
        self._stream = stream
        self._enqueue = enqueue
        self._settings = settings
        self._clock_ns = clock_ns
        self._spin = settings.wait == "spin"
        self._pairs = [(self._event(), self._event()) for _ in range(settings.queue_depth)]
        self._ran = False
        self._captured = False
        self._blocks: list[npt.NDArray[np.int64]] = []

    def infer(self) -> None:
        """Runs once and returns when the outputs are in device memory.

        The first run does not use a graph even if one is requested: what a runtime sets up in it, such as memory and
        modules, cannot be captured.
        """
        if self._ran:
            self._prepare()
        _, last = self._pairs[0]
        self._enqueue()
        self._driver.record(last, self._stream)
        self._driver.wait(last)
        self._ran = True

    def time_block(self, latencies_ns: npt.NDArray[np.int64]) -> None:
        """Fills the array with the GPU compute times of inferences back to back, one per element.

        Raises:
            CudaError: a call failed, or the inference cannot be captured as a CUDA graph.
        """
        self._prepare()
        self._run_back_to_back(latencies_ns, self._enqueue)
        self._blocks.append(latencies_ns)

    def figures(
        self, copy_in: Callable[[], None], copy_out: Callable[[], None], images_per_inference: int
    ) -> GpuFigures:
        """Measures everything besides the compute times; must be called after at least one block.

        `copy_in` and `copy_out` enqueue the copies of all inputs and outputs in the timer's stream, from and to
        page-locked memory.

        docs/gpu.md defines each figure and the warnings, which are those of trtexec under the same conditions.
        """
        compute_ms = np.concatenate(self._blocks) / NANOSECONDS_PER_MILLISECOND
        compute_median_ms = float(np.median(compute_ms))
        count = max(_FIGURES_MIN_RUNS, runs_that_fill(_FIGURES_MS, compute_median_ms * NANOSECONDS_PER_MILLISECOND))
        wall_ns, enqueue_ms = self._measure_throughput(count)
        host_ms, input_ms, output_ms = self._measure_latency(count, copy_in, copy_out)
        return GpuFigures(
            latency_host_median_ms=host_ms,
            input_copy_median_ms=input_ms,
            output_copy_median_ms=output_ms,
            enqueue_median_ms=enqueue_ms,
            throughput_images_per_s=images_per_inference * count / (wall_ns / 1e9),
            cuda_graph=self._settings.cuda_graph,
            queue_depth=self._settings.queue_depth,
            wait=self._settings.wait,
            warnings=find_warnings(compute_ms, enqueue_ms, input_ms, output_ms, self._settings),
        )

    def _event(self) -> int:
        return self._driver.event(spin=self._spin)

    def _prepare(self) -> None:
        """Captures the graph if one is requested and does not exist yet."""
        if self._captured or not self._settings.cuda_graph:
            return
        if not self._ran:
            self.infer()
        try:
            graph = self._driver.capture(self._stream, self._enqueue)
        except CudaOutOfMemoryError:
            raise
        except HarnessError as error:
            raise CudaError(
                f"The inference cannot be captured as a CUDA graph: {error} Run without --cuda-graph."
            ) from error
        driver, stream = self._driver, self._stream
        self._enqueue = lambda: driver.launch(graph, stream)
        self._captured = True

    def _run_back_to_back(self, latencies_ns: npt.NDArray[np.int64], enqueue: Callable[[], None]) -> None:
        """Runs one inference per element of the array, with `queue_depth` of them in flight while the host waits."""
        driver, stream, pairs, depth = self._driver, self._stream, self._pairs, len(self._pairs)
        count = len(latencies_ns)
        for index in range(count):
            if index >= depth:
                latencies_ns[index - depth] = self._wait_for(index - depth)
            first, last = pairs[index % depth]
            driver.record(first, stream)
            enqueue()
            driver.record(last, stream)
        for index in range(max(0, count - depth), count):
            latencies_ns[index] = self._wait_for(index)

    def _wait_for(self, index: int) -> int:
        """Waits for this inference of the run and returns its nanoseconds; events report float32 milliseconds."""
        first, last = self._pairs[index % len(self._pairs)]
        self._driver.wait(last)
        return round(self._driver.elapsed_ms(first, last) * NANOSECONDS_PER_MILLISECOND)

    def _measure_throughput(self, count: int) -> tuple[int, float]:
        """Measures the wall time in ns of `count` inferences back to back and the median time in ms to enqueue one."""
        clock_ns = self._clock_ns
        enqueue_ns = np.zeros(count, dtype=np.int64)
        numbers = itertools.count()

        def timed_enqueue() -> None:
            begin_ns = clock_ns()
            self._enqueue()
            enqueue_ns[next(numbers)] = clock_ns() - begin_ns

        begin_ns = clock_ns()
        self._run_back_to_back(np.zeros(count, dtype=np.int64), timed_enqueue)
        return clock_ns() - begin_ns, float(np.median(enqueue_ns)) / NANOSECONDS_PER_MILLISECOND

    def _measure_latency(
        self, count: int, copy_in: Callable[[], None], copy_out: Callable[[], None]
    ) -> tuple[float, float, float]:
        """Measures median milliseconds, one inference at a time: of the whole, the copies in, and the copies out."""
        driver, stream, clock_ns = self._driver, self._stream, self._clock_ns
        begin, copied, computed, done = (self._event() for _ in range(4))
        host_ns = np.zeros(count)
        copies_ms = np.zeros((2, count))
        for index in range(count):
            begin_ns = clock_ns()
            driver.record(begin, stream)
            copy_in()
            driver.record(copied, stream)
            self._enqueue()
            driver.record(computed, stream)
            copy_out()
            driver.record(done, stream)
            driver.wait(done)
            host_ns[index] = clock_ns() - begin_ns
            copies_ms[:, index] = driver.elapsed_ms(begin, copied), driver.elapsed_ms(computed, done)
        input_ms, output_ms = np.median(copies_ms, axis=1)
        return float(np.median(host_ns)) / NANOSECONDS_PER_MILLISECOND, float(input_ms), float(output_ms)


def find_warnings(
    compute_ms: npt.NDArray[np.float64], enqueue_ms: float, input_ms: float, output_ms: float, settings: GpuSettings
) -> tuple[str, ...]:
    """Warnings about the figures, one sentence each; all arguments are medians except the compute times, shape (n,)."""
    median_ms = float(np.median(compute_ms))
    found = []
    if enqueue_ms > _ENQUEUE_BOUND * median_ms:
        advice = "" if settings.cuda_graph else "; --cuda-graph may help"
        found.append(
            f"The host takes {enqueue_ms:.3f} ms to enqueue an inference of {median_ms:.3f} ms, so the GPU may wait "
            f"for the host{advice}."
        )
    for what, copy_ms in (("inputs to", input_ms), ("outputs from", output_ms)):
        if copy_ms >= median_ms:
            found.append(
                f"Copying the {what} the GPU takes {copy_ms:.3f} ms, the inference {median_ms:.3f} ms, so transfers "
                "limit the throughput of an application that needs them."
            )
    variation_percent = 100 * float(np.std(compute_ms)) / float(np.mean(compute_ms))
    if variation_percent > _UNSTABLE_PERCENT:
        advice = "" if settings.wait == "spin" else ", or run with --spin"
        found.append(
            f"The GPU compute time is unstable, with a coefficient of variation of {variation_percent:.1f} %; lock the "
            f"clocks (nvidia-smi --lock-gpu-clocks){advice}."
        )
    return tuple(found)
