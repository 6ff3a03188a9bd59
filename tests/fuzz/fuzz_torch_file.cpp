// Any bytes as a file of torch.save: a DataError, or tensors that can be read in full. An input that does not start as a zip is
// taken for the pickle inside one, so that the pickle machine is reached without a matching directory.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "support/memory_file.hpp"
#include "io/torch_file.hpp"
#include "support/torch_zip.hpp"

namespace {

constexpr std::int64_t kMostRead = 1 << 12;  // elements, the last of each tensor: one may repeat its elements up to 64 MiB

void read_all(const std::filesystem::path& path) {
  try {
    const muster::io::TorchFile file(path);
    for (const muster::io::TorchTensor& tensor : file.tensors()) {
      const std::int64_t begin = tensor.numel() - std::min(tensor.numel(), kMostRead);
      std::vector<char> bytes(static_cast<std::size_t>(tensor.numel() - begin) * muster::scalar_bytes(tensor.dtype));
      file.read(tensor, begin, tensor.numel(), bytes.data());
    }
  } catch (const muster::DataError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static muster::testing_support::MemoryFile memory;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.starts_with("PK")) {
    read_all(memory.put(data, size));
  } else {
    const std::string zip = muster::testing_support::torch_zip("\x80\x02" + std::string(text), {std::string(64, '\1'), ""}).bytes();
    read_all(memory.put(reinterpret_cast<const std::uint8_t*>(zip.data()), zip.size()));
  }
  return 0;
}
