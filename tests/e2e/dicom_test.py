"""Grey DICOM files of every kind of window, table, sign and padding, made here, packed, and compared with pydicom's own arithmetic."""

import io
import sys
import warnings

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, SecondaryCaptureImageStorage

import program

sys.path.insert(0, str(program.SOURCE / "tools/data"))
from packed_reader import PackedSet  # noqa: E402

DRAW = np.random.default_rng(1)
UNSIGNED12 = DRAW.integers(0, 4096, (40, 50)).astype("<u2")
SIGNED16 = DRAW.integers(-1500, 3000, (40, 50)).astype("<i2")
BYTES = DRAW.integers(0, 200, (40, 50)).astype("u1")


def with_padding(values, stored):
    padded = values.copy()
    padded[:5] = stored
    return padded


def table(first, vr, entries=2000, bits=16):
    item = Dataset()
    item.add_new("LUTDescriptor", vr, [entries, first, bits])
    item.add_new("LUTData", "US", [int(value) for value in np.linspace(0, 2**bits - 1, entries)])
    return [item]


# name: pixels, bits, and tags; where the sign of the pixels says so, PixelRepresentation is 1
CASES = {
    "monochrome1_window": (UNSIGNED12, 12, {"photometric": "MONOCHROME1", "WindowCenter": "2000", "WindowWidth": "3001"}),
    "monochrome1": (UNSIGNED12, 12, {"photometric": "MONOCHROME1"}),
    "sigmoid": (UNSIGNED12, 12, {"WindowCenter": "2000", "WindowWidth": "900", "VOILUTFunction": "SIGMOID"}),
    "linear_exact": (UNSIGNED12, 12, {"WindowCenter": "2000", "WindowWidth": "900", "VOILUTFunction": "LINEAR_EXACT"}),
    "width_1": (UNSIGNED12, 12, {"WindowCenter": "2000", "WindowWidth": "1"}),
    "several_windows": (UNSIGNED12, 12, {"WindowCenter": ["100", "2000"], "WindowWidth": ["150", "3001"]}),
    "ct_window": (SIGNED16, 16, {"rescale": (1, -24), "WindowCenter": "40", "WindowWidth": "400"}),
    "slope": (UNSIGNED12, 12, {"rescale": (0.37, -500), "WindowCenter": "40.5", "WindowWidth": "700"}),
    "falling_slope": (UNSIGNED12, 12, {"rescale": (-1, 1000), "WindowCenter": "40.5", "WindowWidth": "700"}),
    "bytes": (BYTES, 8, {}),
    "bytes_monochrome1": (BYTES, 8, {"photometric": "MONOCHROME1"}),
    "bytes_window": (BYTES, 8, {"WindowCenter": "100", "WindowWidth": "90"}),
    "table": (UNSIGNED12, 12, {"VOILUTSequence": table(500, "US")}),
    "table_of_signed": (SIGNED16, 16, {"VOILUTSequence": table(-500, "SS")}),
    "table_of_ct_in_unsigned": (UNSIGNED12, 12, {"rescale": (1, -1024), "VOILUTSequence": table(-500, "SS")}),
    "padding": (with_padding(SIGNED16, -2000), 16, {"PixelPaddingValue": -2000}),
    "padding_above": (with_padding(UNSIGNED12, 4095), 12, {"PixelPaddingValue": 4095}),
    "padding_range": (with_padding(SIGNED16, -1990), 16, {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1980}),
    "padding_under_a_window": (with_padding(SIGNED16, -2000), 16, {"PixelPaddingValue": -2000, "WindowCenter": "40", "WindowWidth": "400"}),
}


def write_dicom(path, pixels, bits, tags, syntax):
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    is_signed = pixels.dtype.kind == "i"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, tags.get("photometric", "MONOCHROME2")
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit = 8 * pixels.itemsize, bits, bits - 1
    data.PixelRepresentation = int(is_signed)
    if "rescale" in tags:
        data.RescaleSlope, data.RescaleIntercept = tags["rescale"]
    for name, value in tags.items():
        if name.startswith("PixelPadding"):
            data.add_new(name, "SS" if is_signed else "US", value)
        elif name not in ("photometric", "rescale"):
            setattr(data, name, value)
    data.PixelData = pixels.tobytes()
    data["PixelData"].VR = "OB" if pixels.itemsize == 1 and syntax == ExplicitVRLittleEndian else "OW"
    data.save_as(path, enforce_file_format=True)


def shown(path):
    """What PS3.3 C.11.2.1 makes of a file, 0 to 255 or 65535, by pydicom: the first window, else the first table, else the measured range."""
    data = pydicom.dcmread(path)
    stored = data.pixel_array
    values = apply_modality_lut(stored, data)
    top = 255 if data.BitsAllocated == 8 else 65535
    if "WindowWidth" in data:
        low, high = apply_windowing(np.array([-1e9, 1e9]), data)
        unit = (apply_windowing(values.astype(float), data) - low) / (high - low)
    elif "VOILUTSequence" in data:
        unit = apply_voi(values.astype(np.int64), data) / (2 ** data.VOILUTSequence[0].LUTDescriptor[2] - 1)
    elif top == 255:
        unit = values / 255
    else:
        one = data.get("PixelPaddingValue", None)
        other = data.get("PixelPaddingRangeLimit", one)
        padded = np.zeros(stored.shape, bool) if one is None else (stored >= min(one, other)) & (stored <= max(one, other))
        measured = values[~padded].astype(float)
        unit = np.where(padded, 0, np.clip((values - measured.min()) / (measured.max() - measured.min()), 0, 1))
    if data.PhotometricInterpretation == "MONOCHROME1":
        unit = 1 - unit
    return np.floor(unit * top + 0.5).astype(int)


class Dicom(program.ProgramTest):
    def test_grey_is_what_pydicom_computes(self):
        sources = self.folder / "dicom"
        sources.mkdir()
        for name, case in CASES.items():
            for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
                write_dicom(sources / f"{name}_{'explicit' if syntax == ExplicitVRLittleEndian else 'implicit'}.dcm", *case, syntax)
        self.check_run("pack", "task=pretrain", f"data.train.images={sources}", "extensions=[dcm]", f"out={self.folder / 'packed'}")
        found = {sample.key: np.asarray(Image.open(io.BytesIO(sample.image))) for sample in PackedSet(self.folder / "packed").samples("train")}
        self.assertEqual(len(found), 2 * len(CASES))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for key, pixels in found.items():
                with self.subTest(key):
                    # pydicom takes the sign of an implicit LUT Descriptor from PixelRepresentation alone; the picture is that of the twin.
                    np.testing.assert_array_equal(pixels.astype(int), shown(sources / key.replace("_implicit", "_explicit")))


if __name__ == "__main__":
    program.main()
