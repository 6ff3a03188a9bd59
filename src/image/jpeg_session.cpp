#include "image/jpeg_session.hpp"

#include <jerror.h>

#include "image/pixel_limit.hpp"

namespace muster::image {
namespace {

[[noreturn]] void jump_back(j_common_ptr info) {
  auto* errors = reinterpret_cast<JpegErrors*>(info->err);
  info->err->format_message(info, errors->text);
  std::longjmp(errors->jump, 1);
}

bool loses_no_pixel(int warning) {
  return warning == JWRN_EXTRANEOUS_DATA || warning == JWRN_JFIF_MAJOR || warning == JWRN_ADOBE_XFORM || warning == JWRN_NOT_SEQUENTIAL;
}

void judge_message(j_common_ptr info, int level) {
  if (level < 0 && !loses_no_pixel(info->err->msg_code)) {
    jump_back(info);
  }
}

}  // namespace

jpeg_error_mgr* install(JpegErrors& errors) {
  jpeg_std_error(&errors.manager);
  errors.manager.error_exit = jump_back;
  errors.manager.emit_message = judge_message;
  errors.manager.output_message = [](j_common_ptr) {};
  return &errors.manager;
}

Decompressor::Decompressor(std::span<const std::byte> bytes, std::string_view where) : where_(where) {
  info.err = install(errors);
  demand([&] {
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  });
}

void Decompressor::read_header() {
  demand([&] { jpeg_read_header(&info, TRUE); });
  check_pixels(info.image_width, info.image_height, where_);
}

}  // namespace muster::image
