"""read_by_tensorboard.py PROGRAM: the event files of report_two_starts as TensorBoard's own reader sees them.

Two readers: the file loader (framing, checksums, messages) and the accumulator behind the web page (what is shown after a resume).
"""
import glob
import json
import subprocess
import sys
import tempfile

import numpy as np
from tensorboard.backend.event_processing import event_file_loader, plugin_event_accumulator


def shown(folder: str) -> dict:
    accumulator = plugin_event_accumulator.EventAccumulator(folder, tensor_size_guidance={"scalars": 0})
    accumulator.Reload()
    return {tag: [(event.step, float(event.tensor_proto.float_val[0])) for event in accumulator.Tensors(tag)]
            for tag in accumulator.Tags()["tensors"]}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.argv[1], folder], check=True, capture_output=True)
        # Both starts lie within one second; names end in .0 and .1.
        files = sorted(glob.glob(folder + "/events.out.tfevents.*"), key=lambda name: int(name.rsplit(".", 1)[1]))
        assert len(files) == 2, files

        first = list(event_file_loader.EventFileLoader(files[0]).Load())
        assert first[0].file_version == "brain.Event:2", first[0]
        steps = [event.step for event in first if event.HasField("summary")]
        assert steps == [1, 2, 3, 4, 5, 6, 7, 8, 8], steps
        tags = {value.tag for event in first for value in event.summary.value}
        assert tags == {"epoch", "loss", "lr", "loss_mask/block3", "val_metric/miou"}, tags
        assert all(1.7e9 < event.wall_time < 4e9 for event in first)

        expected = [(step, 100.0 + step) for step in range(1, 6)] + [(step, 200.0 + step) for step in range(6, 11)]
        events = shown(folder)
        assert events["loss"] == expected, events["loss"]
        assert events["loss_mask/block3"] == [(step, -value) for step, value in expected]
        assert {value for _, value in events["lr"]} == {float(np.float32(1e-3 / 3))}
        assert events["val_metric/miou"] == [(10, 0.5)], events["val_metric/miou"]

        with open(folder + "/metrics.jsonl") as lines:
            records = [json.loads(line) for line in lines]
        assert [(record["step"], record["loss"]) for record in records if "loss" in record] == expected
        assert records[-1] == {"step": 10, "epoch": 1.0, "val_metric/miou": 0.5}, records[-1]
    print("event files and metrics.jsonl agree")


main()
