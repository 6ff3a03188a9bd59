// Any text as a manifest, with the checksum that fits it: a DataError, or a manifest that is written and read again unchanged.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "core/error.hpp"
#include "data/manifest.hpp"

namespace {

using namespace muster;

void read_manifest_text(const std::string& text) {
  try {
    const data::Manifest manifest = data::parse_manifest(text, "input");
    if (data::parse_manifest(data::manifest_json(manifest), "written") != manifest) {
      std::abort();
    }
  } catch (const DataError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  read_manifest_text(text);
  read_manifest_text(data::seal_manifest(text));
  return 0;
}
