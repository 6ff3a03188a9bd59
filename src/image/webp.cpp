#include "image/webp.hpp"

#include <cstdint>
#include <memory>

#include <webp/decode.h>
#include <webp/demux.h>

#include "core/error.hpp"
#include "image/exif.hpp"
#include "image/pixel_limit.hpp"

namespace muster::image {
namespace {

const char* text_of_status(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return "out of memory";
    case VP8_STATUS_BITSTREAM_ERROR:
      return "damaged data";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "a feature that libwebp does not know";
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return "premature end of file";
    default:
      return "an invalid header";
  }
}

[[noreturn]] void refuse_webp(const char* why, std::string_view where) {
  throw DataError("{}: cannot decode this WebP: {}; the file is cut off or damaged, copy it again or remove it", where, why);
}

void demand_ok(VP8StatusCode status, std::string_view where) {
  if (status != VP8_STATUS_OK) {
    refuse_webp(text_of_status(status), where);
  }
}

const std::uint8_t* data_of(std::span<const std::byte> bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

// The chunks of a file. The first frame of a still picture is the picture.
class WebpChunks {
 public:
  WebpChunks(std::span<const std::byte> bytes, std::string_view where) : where_(where) {
    const WebPData data = {data_of(bytes), bytes.size()};
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    demuxer_.reset(WebPDemuxPartial(&data, &state));
    if (demuxer_ == nullptr || state == WEBP_DEMUX_PARSE_ERROR) {
      refuse_webp("its chunks do not follow the format", where);
    }
    if (state == WEBP_DEMUX_PARSING_HEADER) {
      refuse_webp("premature end of file", where);
    }
    complete_ = state == WEBP_DEMUX_DONE;
    check_pixels(width(), height(), where);
  }

  int width() const { return static_cast<int>(WebPDemuxGetI(demuxer_.get(), WEBP_FF_CANVAS_WIDTH)); }
  int height() const { return static_cast<int>(WebPDemuxGetI(demuxer_.get(), WEBP_FF_CANVAS_HEIGHT)); }
  bool has(WebPFeatureFlags flag) const { return (WebPDemuxGetI(demuxer_.get(), WEBP_FF_FORMAT_FLAGS) & flag) != 0; }

  // 1 where the file has neither EXIF nor XMP.
  int orientation() const {
    if (!has(EXIF_FLAG) && !has(XMP_FLAG)) {
      return 1;
    }
    if (!complete_) {
      refuse_webp("it ends before its EXIF or XMP chunk", where_);
    }
    const int exif = has(EXIF_FLAG) ? exif_block_orientation(chunk("EXIF")) : 0;
    return exif != 0 ? exif : has(XMP_FLAG) ? xmp_orientation(chunk("XMP ")) : 1;
  }

  struct Frame {
    std::span<const std::byte> bits;
    int left, top, width, height;
  };
  Frame first_frame() const {
    WebPIterator iterator;
    if (WebPDemuxGetFrame(demuxer_.get(), 1, &iterator) == 0) {
      refuse_webp("it has no complete frame", where_);
    }
    const Frame frame = {std::as_bytes(std::span(iterator.fragment.bytes, iterator.fragment.size)), iterator.x_offset, iterator.y_offset,
                         iterator.width, iterator.height};
    const bool whole = iterator.complete != 0;
    WebPDemuxReleaseIterator(&iterator);  // the bits stay where they are: in the file
    if (!whole) {
      refuse_webp("premature end of file", where_);
    }
    return frame;
  }

 private:
  std::span<const std::byte> chunk(const char* name) const {
    WebPChunkIterator iterator;
    if (WebPDemuxGetChunk(demuxer_.get(), name, 1, &iterator) == 0) {
      return {};
    }
    const auto bytes = std::as_bytes(std::span(iterator.chunk.bytes, iterator.chunk.size));
    WebPDemuxReleaseChunkIterator(&iterator);
    return bytes;
  }

  std::unique_ptr<WebPDemuxer, decltype([](WebPDemuxer* d) { WebPDemuxDelete(d); })> demuxer_;
  bool complete_ = false;
  std::string_view where_;
};

WebPBitstreamFeatures features_of(std::span<const std::byte> bytes, std::string_view where) {
  WebPBitstreamFeatures features;
  demand_ok(WebPGetFeatures(data_of(bytes), bytes.size(), &features), where);
  check_pixels(features.width, features.height, where);
  return features;
}

// Decodes a still picture of width x height into `to`, whose rows are `stride` bytes apart.
void decode_still(std::span<const std::byte> bits, std::uint8_t* to, std::size_t stride, int width, int height, bool alpha,
                  std::string_view where) {
  WebPDecoderConfig config;
  check(WebPInitDecoderConfig(&config) != 0, "libwebp has another version than its header");
  config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = to;
  config.output.u.RGBA.stride = static_cast<int>(stride);
  config.output.u.RGBA.size = stride * static_cast<std::size_t>(height - 1) + static_cast<std::size_t>(width) * (alpha ? 4 : 3);
  const VP8StatusCode status = WebPDecode(data_of(bits), bits.size(), &config);
  WebPFreeDecBuffer(&config.output);
  demand_ok(status, where);
}

}  // namespace

ImageInfo probe_webp(std::span<const std::byte> bytes, std::string_view where) {
  const WebPBitstreamFeatures features = features_of(bytes, where);
  const WebpChunks chunks(bytes, where);
  ImageInfo out;
  out.multiple = features.has_animation != 0;
  out.codec = out.multiple ? Codec::kNone : Codec::kWebp;
  out.height = chunks.height();
  out.width = chunks.width();
  out.alpha = features.has_alpha != 0;
  out.channels = out.alpha ? 4 : 3;
  out.exif_orientation = chunks.orientation();
  return out;
}

Image decode_webp(std::span<const std::byte> bytes, std::string_view where) {
  const WebPBitstreamFeatures features = features_of(bytes, where);
  if (features.has_animation != 0) {
    return rgb_of(read_webp(bytes, where), where);
  }
  Image image(features.height, features.width);
  decode_still(bytes, image.pixels.data(), image.row_bytes(), image.width, image.height, false, where);
  return image;
}

RawImage read_webp(std::span<const std::byte> bytes, std::string_view where) {
  const WebPBitstreamFeatures features = features_of(bytes, where);
  const WebpChunks chunks(bytes, where);
  const WebpChunks::Frame frame = chunks.first_frame();
  RawImage raw;
  raw.height = chunks.height();
  raw.width = chunks.width();
  raw.channels = features.has_alpha != 0 ? 4 : 3;
  if (frame.left < 0 || frame.top < 0 || frame.width > raw.width - frame.left || frame.height > raw.height - frame.top) {
    refuse_webp("its first frame lies outside of the canvas", where);
  }
  const auto channels = static_cast<std::size_t>(raw.channels);
  const std::size_t stride = static_cast<std::size_t>(raw.width) * channels;
  raw.narrow.resize(stride * static_cast<std::size_t>(raw.height));
  const WebPBitstreamFeatures inner = features_of(frame.bits, where);
  if (inner.width != frame.width || inner.height != frame.height) {
    refuse_webp("its first frame has another size than announced", where);
  }
  std::uint8_t* to = raw.narrow.data() + static_cast<std::size_t>(frame.top) * stride + static_cast<std::size_t>(frame.left) * channels;
  decode_still(frame.bits, to, stride, frame.width, frame.height, raw.channels == 4, where);
  return raw;
}

}  // namespace muster::image
