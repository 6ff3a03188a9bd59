#include "image/bmp_rle.hpp"

#include <cstdint>

#include "core/error.hpp"

namespace muster::image {
namespace {

// Where the next pixel goes: x from the left, y from the lowest row. What a run writes past the end of its row is dropped (encoders round
// runs of RLE4 up to whole bytes).
class RunPen {
 public:
  RunPen(const BmpHeader& bmp, RawImage& raw) : bmp_(bmp), raw_(raw) {}

  void put(std::uint8_t index) {
    if (x_ < bmp_.width && y_ < bmp_.height) {
      const std::int64_t row = bmp_.top_down ? y_ : bmp_.height - 1 - y_;
      raw_.narrow[static_cast<std::size_t>(row * bmp_.width + x_)] = index;
    }
    ++x_;
  }
  void next_row() {
    x_ = 0;
    ++y_;
  }
  void jump(int right, int up) {
    x_ += right;
    y_ += up;
  }
  bool past_the_last_row() const { return y_ >= bmp_.height; }
  bool at_the_end() const { return past_the_last_row() || (y_ == bmp_.height - 1 && x_ >= bmp_.width); }

 private:
  const BmpHeader& bmp_;
  RawImage& raw_;
  std::int64_t x_ = 0;
  std::int64_t y_ = 0;
};

}  // namespace

void unpack_bmp_runs(std::span<const std::byte> packed, const BmpHeader& bmp, RawImage& raw, std::string_view where) {
  const bool nibbles = bmp.packing == BmpPacking::kRle4;
  const auto value = [&](std::size_t at) { return std::to_integer<std::uint8_t>(packed[at]); };
  const auto index_of = [&](std::uint8_t byte, int i) -> std::uint8_t {
    return !nibbles ? byte : i % 2 == 0 ? static_cast<std::uint8_t>(byte >> 4) : static_cast<std::uint8_t>(byte & 15);
  };
  RunPen pen(bmp, raw);
  std::size_t at = 0;
  while (!pen.past_the_last_row() && at + 2 <= packed.size()) {
    const int count = value(at);
    const std::uint8_t second = value(at + 1);
    at += 2;
    if (count > 0) {  // a run of one colour, or of two in turn
      for (int i = 0; i < count; ++i) {
        pen.put(index_of(second, i));
      }
    } else if (second == 0) {
      pen.next_row();
    } else if (second == 1) {
      return;  // the end of the picture
    } else if (second == 2) {
      if (at + 2 > packed.size()) {
        break;
      }
      pen.jump(value(at), value(at + 1));
      at += 2;
    } else {  // `second` pixels as they are, in whole pairs of bytes
      const std::size_t bytes = nibbles ? (second + 1U) / 2 : second;
      if (packed.size() - at < bytes) {
        break;
      }
      for (int i = 0; i < second; ++i) {
        pen.put(index_of(value(at + static_cast<std::size_t>(nibbles ? i / 2 : i)), i));
      }
      at += bytes + bytes % 2;
      if (at > packed.size()) {
        at = packed.size();
      }
    }
  }
  if (!pen.at_the_end()) {
    throw DataError("{}: premature end of this BMP file: its run-length code stops before the last row; copy it again or remove it", where);
  }
}

}  // namespace muster::image
