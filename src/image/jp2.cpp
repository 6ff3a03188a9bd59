#include "image/jp2.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include <openjpeg.h>

#include "core/error.hpp"
#include "image/jp2_header.hpp"

namespace muster::image {
namespace {

struct Jp2Input {
  std::span<const std::byte> bytes;
  std::size_t at = 0;
};

OPJ_SIZE_T read_input(void* to, OPJ_SIZE_T count, void* user) {
  auto& input = *static_cast<Jp2Input*>(user);
  const std::size_t taken = std::min<std::size_t>(count, input.bytes.size() - input.at);
  if (taken == 0) {
    return static_cast<OPJ_SIZE_T>(-1);  // the end
  }
  std::memcpy(to, input.bytes.data() + input.at, taken);
  input.at += taken;
  return taken;
}

OPJ_OFF_T skip_input(OPJ_OFF_T count, void* user) {
  auto& input = *static_cast<Jp2Input*>(user);
  if (count < 0) {
    return -1;
  }
  const auto taken = std::min<std::size_t>(static_cast<std::size_t>(count), input.bytes.size() - input.at);
  if (taken == 0 && count > 0) {
    return -1;
  }
  input.at += taken;
  return static_cast<OPJ_OFF_T>(taken);
}

OPJ_BOOL seek_input(OPJ_OFF_T to, void* user) {
  auto& input = *static_cast<Jp2Input*>(user);
  if (to < 0 || static_cast<std::size_t>(to) > input.bytes.size()) {
    return OPJ_FALSE;
  }
  input.at = static_cast<std::size_t>(to);
  return OPJ_TRUE;
}

void keep_first_text(const char* text, void* user) {
  auto& kept = *static_cast<std::string*>(user);
  if (kept.empty()) {
    kept = text;
    kept.erase(kept.find_last_not_of("\n. ") + 1);
  }
}

using Jp2Codec = std::unique_ptr<opj_codec_t, decltype([](opj_codec_t* c) { opj_destroy_codec(c); })>;
using Jp2Stream = std::unique_ptr<opj_stream_t, decltype([](opj_stream_t* s) { opj_stream_destroy(s); })>;
using Jp2Picture = std::unique_ptr<opj_image_t, decltype([](opj_image_t* i) { opj_image_destroy(i); })>;

Jp2Picture decode_picture(const Jp2Header& header, std::span<const std::byte> bytes, std::string_view where) {
  Jp2Input input = {.bytes = bytes};
  std::string complaint;
  const Jp2Codec codec(opj_create_decompress(header.boxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K));
  const Jp2Stream stream(opj_stream_default_create(OPJ_TRUE));
  check(codec != nullptr && stream != nullptr, "OpenJPEG {} could not be set up", opj_version());
  opj_stream_set_read_function(stream.get(), read_input);
  opj_stream_set_skip_function(stream.get(), skip_input);
  opj_stream_set_seek_function(stream.get(), seek_input);
  opj_stream_set_user_data(stream.get(), &input, nullptr);
  opj_stream_set_user_data_length(stream.get(), bytes.size());
  opj_set_error_handler(codec.get(), keep_first_text, &complaint);  // warnings and notes have no handler, so they are not printed
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* found = nullptr;
  bool done = opj_setup_decoder(codec.get(), &parameters) != 0 && opj_decoder_set_strict_mode(codec.get(), OPJ_TRUE) != 0 &&
              opj_read_header(stream.get(), codec.get(), &found) != 0;
  Jp2Picture picture(found);
  done = done && opj_decode(codec.get(), stream.get(), picture.get()) != 0;
  if (!done) {
    throw DataError("{}: cannot decode this JPEG 2000 file: {}; it is cut off or damaged, copy it again or remove it", where,
                    complaint.empty() ? "OpenJPEG does not say why" : complaint);
  }
  return picture;
}

}  // namespace

ImageInfo probe_jp2(std::span<const std::byte> bytes, std::string_view where) {
  const Jp2Header header = read_jp2_header(bytes, where);
  ImageInfo out;
  out.height = header.height;
  out.width = header.width;
  out.channels = header.components;
  out.bit_depth = header.bit_depth;
  out.alpha = header.components == 2 || header.components == 4;
  out.palette = header.palette;
  return out;
}

Jp2Samples read_jp2_samples(std::span<const std::byte> bytes, std::string_view where) {
  const Jp2Header header = read_jp2_header(bytes, where);
  const Jp2Picture picture = decode_picture(header, bytes, where);
  Jp2Samples out;
  out.height = header.height;
  out.width = header.width;
  out.components = static_cast<int>(picture->numcomps);  // more than the header's where there is a palette
  out.bit_depth = static_cast<int>(picture->comps[0].prec);
  out.is_signed = picture->comps[0].sgnd != 0;
  out.other_colours =
      picture->color_space == OPJ_CLRSPC_SYCC || picture->color_space == OPJ_CLRSPC_EYCC || picture->color_space == OPJ_CLRSPC_CMYK;
  const std::size_t pixels = static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.height);
  const auto components = static_cast<std::size_t>(out.components);
  for (std::size_t c = 0; c < components; ++c) {
    const opj_image_comp_t& plane = picture->comps[c];
    if (plane.data == nullptr || plane.w != static_cast<OPJ_UINT32>(out.width) || plane.h != static_cast<OPJ_UINT32>(out.height) ||
        plane.prec != picture->comps[0].prec || plane.sgnd != picture->comps[0].sgnd) {
      throw DataError("{}: component {} of this JPEG 2000 file differs from the first in size or depth; convert it to PNG", where, c);
    }
  }
  if (out.components > 4 || out.bit_depth < 1 || out.bit_depth > 16) {
    throw DataError("{}: a JPEG 2000 palette of {} components with {} bits, which is not read; convert it to PNG", where, out.components,
                    out.bit_depth);
  }
  out.values.resize(pixels * components);
  for (std::size_t c = 0; c < components; ++c) {
    const OPJ_INT32* from = picture->comps[c].data;
    for (std::size_t i = 0; i < pixels; ++i) {
      out.values[i * components + c] = from[i];
    }
  }
  return out;
}

RawImage read_jp2(std::span<const std::byte> bytes, std::string_view where) {
  const Jp2Samples samples = read_jp2_samples(bytes, where);
  if (samples.is_signed || samples.other_colours) {
    throw DataError("{}: a JPEG 2000 file of {}, which is not read; convert it to PNG", where,
                    samples.is_signed ? "signed numbers" : "YCbCr or CMYK colours");
  }
  RawImage raw;
  raw.height = samples.height;
  raw.width = samples.width;
  raw.channels = samples.components;
  raw.max_value = (1 << samples.bit_depth) - 1;
  if (raw.max_value > 255) {
    raw.wide.resize(samples.values.size());
    std::ranges::transform(samples.values, raw.wide.begin(),
                           [&](std::int32_t v) { return static_cast<std::uint16_t>(std::clamp(v, 0, raw.max_value)); });
  } else {
    raw.narrow.resize(samples.values.size());
    std::ranges::transform(samples.values, raw.narrow.begin(),
                           [&](std::int32_t v) { return static_cast<std::uint8_t>(std::clamp(v, 0, raw.max_value)); });
  }
  return raw;
}

}  // namespace muster::image
