#include "image/tiff_samples.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/error.hpp"
#include "image/decode.hpp"

namespace muster::image {
namespace {

// A strip or a tile as libtiff hands it out: `rows` rows of `stride` bytes, its pixels at (top, left) of the page. Samples of less than 16
// bits are packed from the highest bit on and each row begins at a byte; 16 bits come in the machine's order.
struct TiffBlock {
  const std::uint8_t* data;
  std::size_t stride;
  int top, left, rows, columns;
  int plane;  // -1: all samples of a pixel side by side
};

template <class Value>
void copy_block(const TiffBlock& block, const TiffLayout& layout, std::vector<Value>& values, int channels) {
  const int stored = block.plane < 0 ? layout.samples : 1;  // samples of a pixel in this block
  const int taken = block.plane < 0 ? channels : 1;
  const auto bits = static_cast<std::size_t>(layout.bits);
  for (int y = 0; y < block.rows; ++y) {
    const std::uint8_t* from = block.data + static_cast<std::size_t>(y) * block.stride;
    const std::size_t pixel =
        static_cast<std::size_t>(block.top + y) * static_cast<std::size_t>(layout.width) + static_cast<std::size_t>(block.left);
    Value* to = values.data() + pixel * static_cast<std::size_t>(channels) + static_cast<std::size_t>(std::max(block.plane, 0));
    for (int x = 0; x < block.columns; ++x, to += channels) {
      for (int s = 0; s < taken; ++s) {
        const std::size_t sample = static_cast<std::size_t>(x) * static_cast<std::size_t>(stored) + static_cast<std::size_t>(s);
        if (bits == 8) {
          to[s] = from[sample];
        } else if (bits == 16) {
          std::uint16_t value;
          std::memcpy(&value, from + 2 * sample, sizeof value);
          to[s] = static_cast<Value>(value);
        } else {
          std::uint32_t value = 0;
          for (std::size_t bit = sample * bits; bit < (sample + 1) * bits; ++bit) {
            value = value << 1 | (from[bit / 8] >> (7 - bit % 8) & 1U);
          }
          to[s] = static_cast<Value>(value);
        }
      }
    }
  }
}

void take(const TiffBlock& block, const TiffLayout& layout, RawImage& raw) {
  if (raw.max_value > 255) {
    copy_block(block, layout, raw.wide, raw.channels);
  } else {
    copy_block(block, layout, raw.narrow, raw.channels);
  }
}

std::size_t checked_bytes(const TiffFile& file, tmsize_t bytes) {
  if (bytes <= 0) {
    file.fail();  // libtiff found that the size makes no sense, and said so
  }
  return static_cast<std::size_t>(bytes);
}

void read_strips(TiffFile& file, int plane, RawImage& raw) {
  const TiffLayout& layout = file.layout();
  std::uint32_t rows_per_strip = 0;
  TIFFGetFieldDefaulted(file.get(), TIFFTAG_ROWSPERSTRIP, &rows_per_strip);
  const int rows = static_cast<int>(std::clamp<std::uint32_t>(rows_per_strip, 1, static_cast<std::uint32_t>(layout.height)));
  const std::size_t stride = checked_bytes(file, TIFFScanlineSize(file.get()));
  std::vector<std::uint8_t> buffer(stride * static_cast<std::size_t>(rows));
  for (int top = 0; top < layout.height; top += rows) {
    const int here = std::min(rows, layout.height - top);
    const std::uint32_t strip =
        TIFFComputeStrip(file.get(), static_cast<std::uint32_t>(top), static_cast<std::uint16_t>(std::max(plane, 0)));
    const auto wanted = static_cast<tmsize_t>(stride * static_cast<std::size_t>(here));
    if (TIFFReadEncodedStrip(file.get(), strip, buffer.data(), wanted) != wanted || !file.complaint().empty()) {
      file.fail();
    }
    take({.data = buffer.data(), .stride = stride, .top = top, .left = 0, .rows = here, .columns = layout.width, .plane = plane}, layout,
         raw);
  }
}

void read_tiles(TiffFile& file, int plane, RawImage& raw) {
  const TiffLayout& layout = file.layout();
  std::uint32_t tile_width = 0;
  std::uint32_t tile_height = 0;
  TIFFGetField(file.get(), TIFFTAG_TILEWIDTH, &tile_width);
  TIFFGetField(file.get(), TIFFTAG_TILELENGTH, &tile_height);
  if (tile_width < 1 || tile_height < 1 || tile_width > kMaxPixels / tile_height / layout.samples) {
    throw DataError("{}: tiles of {} x {} pixels in this TIFF file; wanted are 1 to {} pixels; save it again", file.where(), tile_width,
                    tile_height, kMaxPixels / layout.samples);
  }
  const std::size_t stride = checked_bytes(file, TIFFTileRowSize(file.get()));
  std::vector<std::uint8_t> buffer(checked_bytes(file, TIFFTileSize(file.get())));
  const auto size = static_cast<tmsize_t>(buffer.size());
  const int across = static_cast<int>(tile_width);
  const int down = static_cast<int>(tile_height);
  for (int top = 0; top < layout.height; top += down) {
    for (int left = 0; left < layout.width; left += across) {
      const std::uint32_t tile = TIFFComputeTile(file.get(), static_cast<std::uint32_t>(left), static_cast<std::uint32_t>(top), 0,
                                                 static_cast<std::uint16_t>(std::max(plane, 0)));
      if (TIFFReadEncodedTile(file.get(), tile, buffer.data(), size) != size || !file.complaint().empty()) {
        file.fail();
      }
      take({.data = buffer.data(),
            .stride = stride,
            .top = top,
            .left = left,
            .rows = std::min(down, layout.height - top),
            .columns = std::min(across, layout.width - left),
            .plane = plane},
           layout, raw);
    }
  }
}

}  // namespace

void read_tiff_samples(TiffFile& file, RawImage& raw) {
  const TiffLayout& layout = file.layout();
  check(raw.channels >= 1 && raw.channels <= layout.samples, "read_tiff_samples: {} channels of {}", raw.channels, layout.samples);
  const std::size_t count =
      static_cast<std::size_t>(raw.width) * static_cast<std::size_t>(raw.height) * static_cast<std::size_t>(raw.channels);
  (raw.max_value > 255 ? raw.wide.resize(count) : raw.narrow.resize(count));
  const auto read = TIFFIsTiled(file.get()) != 0 ? read_tiles : read_strips;
  if (!layout.planar) {
    read(file, -1, raw);
    return;
  }
  for (int plane = 0; plane < raw.channels; ++plane) {
    read(file, plane, raw);
  }
}

}  // namespace muster::image
