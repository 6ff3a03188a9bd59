"""Weight files that cannot be used: each gets one sentence with the file, the tensor where there is one, and what to do."""

import json
import os
import pickle
import struct

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

import program
import weight_files


def write_safetensors(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Payload:
    """Unpickled by Python, it runs a command."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return (os.system, (f"touch {self.target}",))


class BadWeights(program.ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.input = cls.folder / "input.safetensors"
        save_file({"input": np.zeros((1, 3, 32, 32), np.float32)}, cls.input)
        cls.meta = weight_files.dinov3()
        cls.good = cls.folder / "good.pth"
        weight_files.save_pth(cls.good, cls.meta)

    def refuse(self, path, *says, code=3):
        """Every command that reads weights says the same."""
        out = self.folder / "refused.safetensors"
        for words in (["forward", f"model={path}", f"input={self.input}"], ["import", path]):
            self.check_run(*words, f"out={out}", code=code, says=[path.name, *says])
            self.assertFalse(out.exists(), "something was written")

    def test_the_good_file_is_read(self):
        self.check_run("forward", f"model={self.good}", f"input={self.input}", f"out={self.folder / 'good.safetensors'}")

    def test_a_truncated_file(self):
        cut = self.folder / "cut.pth"
        cut.write_bytes(self.good.read_bytes()[:-5000])
        self.refuse(cut, "cut")
        cut = self.folder / "cut.safetensors"
        save_file(self.meta, cut)
        cut.write_bytes(cut.read_bytes()[:-100])
        self.refuse(cut)
        empty = self.folder / "empty.pth"
        empty.write_bytes(b"")
        self.refuse(empty)

    def test_a_corrupted_pickle(self):
        corrupted = self.folder / "corrupted.pth"
        content = bytearray(self.good.read_bytes())
        at = content.index(b"cls_token") + 30
        content[at:at + 20] = b"\xff" * 20
        corrupted.write_bytes(content)
        self.refuse(corrupted)

    def test_a_file_of_another_kind_under_the_name(self):
        renamed = self.folder / "photo.pth"
        Image.new("RGB", (64, 64)).save(renamed, format="JPEG")
        self.refuse(renamed, "safetensors")
        # By its content, not by its name.
        other_name = self.folder / "really_a_zip.safetensors"
        other_name.write_bytes(self.good.read_bytes())
        self.check_run("forward", f"model={other_name}", f"input={self.input}", f"out={self.folder / 'o.safetensors'}")

    def test_a_pickle_that_would_run_a_command(self):
        target = self.folder / "was_run"
        attack = self.folder / "attack.pth"
        weight_files.write_zip(attack, pickle.dumps({"cls_token": Payload(target)}, protocol=2), {})
        self.refuse(attack, "system")
        self.assertFalse(target.exists())
        for text, name in ((b"cbuiltins\neval\n(X\x03\x00\x00\x00a+btR.", "eval"), (b"c__builtin__\nexec\n.", "exec"),
                           (b"csubprocess\nPopen\n)R.", "Popen"), (b"ctorch.serialization\nload\n)R.", "load")):
            weight_files.write_zip(attack, b"\x80\x02" + text, {})
            self.refuse(attack, name)

    def test_lightly_trains_last_ckpt_points_to_the_export(self):
        last = self.folder / "last.ckpt"
        weight_files.write_zip(last, b"\x80\x02}X\x0b\x00\x00\x00train_model}sX\x0a\x00\x00\x00dataloaderctorch.utils.data.dataloader\nDataLoader\n)\x81s.", {})
        self.refuse(last, "exported_last.pt")

    def test_the_old_form_of_torch_save(self):
        old = self.folder / "old.pth"
        old.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + pickle.dumps(1001, protocol=2) + pickle.dumps({}, protocol=2))
        self.refuse(old, "torch.save")

    def test_safetensors_headers_that_lie(self):
        path = self.folder / "lies.safetensors"
        tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        write_safetensors(path, {"a": tensor, "b": {**tensor, "data_offsets": [4, 12]}}, bytes(12))
        self.refuse(path, "'b'")  # overlaps a
        write_safetensors(path, {"a": {**tensor, "data_offsets": [0, 800]}}, bytes(8))
        self.refuse(path, "'a'")  # out of range
        write_safetensors(path, {"a": {**tensor, "shape": [1 << 40]}}, bytes(8))
        self.refuse(path, "'a'")  # another shape than size
        path.write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
        self.refuse(path, str(1 << 60))  # a giant header
        write_safetensors(path, b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8))
        self.refuse(path, "a")  # a name written twice

    def test_a_tensor_of_a_wrong_shape(self):
        path = self.folder / "shape.pth"
        weight_files.save_pth(path, {**self.meta, "blocks.3.mlp.fc1.bias": np.zeros(700, np.float32)})
        self.refuse(path, "blocks.3.mlp.fc1.bias", "700", "768")

    def test_another_models_weights(self):
        small = self.folder / "vitt16.pth"
        small.write_bytes(self.good.read_bytes())
        self.check_run("import", small, f"out={self.folder / 'x.safetensors'}", "name=dinov3/vits16", code=3, says=["vitt16.pth", "dinov3/vitt16", "dinov3/vits16"])
        self.check_run(*self.train_words(self.folder / "other", 1, "model=dinov3/vits16-eomt", f"model_args.backbone_weights={small}"), code=3,
                       says=["vitt16.pth", "dinov3/vitt16", "dinov3/vits16"])
        self.assertFalse((self.folder / "other").exists())
        unknown = self.folder / "resnet.safetensors"
        save_file({"conv1.weight": np.zeros((8, 3, 7, 7), np.float32), "fc.weight": np.zeros((10, 8), np.float32)}, unknown)
        self.refuse(unknown, "conv1.weight")
        odd = self.folder / "odd_width.pth"
        weight_files.save_pth(odd, weight_files.dinov3(dim=128, depth=2, hidden=512))
        self.refuse(odd, "128")

    def test_nan_in_the_weights(self):
        path = self.folder / "nan.pth"
        value = self.meta["blocks.7.attn.proj.weight"].copy()
        value[3, 5] = np.nan
        weight_files.save_pth(path, {**self.meta, "blocks.7.attn.proj.weight": value})
        self.refuse(path, "blocks.7.attn.proj.weight", "NaN")

    def test_a_size_that_is_not_a_multiple_of_the_patch_where_that_is_refused(self):
        path = self.folder / "dinov2_vits14_pretrain.safetensors"
        save_file(weight_files.dinov2(), path)
        out = self.folder / "o.safetensors"
        self.check_run("forward", f"model={path}", f"input={self.input}", f"out={out}", code=2, says=["32", "14"])
        fitting = self.folder / "fitting.safetensors"
        save_file({"input": np.zeros((1, 3, 28, 42), np.float32)}, fitting)
        self.check_run("forward", f"model={path}", f"input={fitting}", f"out={out}")

    def test_a_name_that_is_nearly_right(self):
        self.check_run("forward", "model=dinov2/vits41", f"input={self.input}", f"out={self.folder / 'o.safetensors'}", code=2, says="dinov2/vits14")
        self.check_run("eval", "model=dinov3/vitt16-notpretrained-eomt", f"data={self.data}", code=2, says="no trained head")


if __name__ == "__main__":
    program.main()
