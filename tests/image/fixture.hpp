// Files of tests/image/fixtures, made by tools/golden/make_resize_fixtures.py, and of formats/ therein, made by make_fixtures.py.
#pragma once

#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "image/decode.hpp"

namespace muster::image {

inline std::vector<std::byte> bytes_of(const std::string& text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

inline std::vector<std::byte> fixture(const std::string& name) {
  std::ifstream file(std::string(MUSTER_SOURCE_DIR "/tests/image/fixtures/") + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return bytes_of(std::string(std::istreambuf_iterator<char>(file), {}));
}

inline Image rgb_fixture(const std::string& name) {
  return decode_rgb(fixture(name), name);
}

}  // namespace muster::image
