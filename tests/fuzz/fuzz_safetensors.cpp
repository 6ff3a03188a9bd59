// Any bytes as a safetensors file: a DataError, or tensors that can be read in full.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/error.hpp"
#include "support/memory_file.hpp"
#include "io/safetensors.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static muster::testing_support::MemoryFile memory;
  try {
    const muster::io::SafetensorsFile file(memory.put(data, size));
    for (const muster::io::TensorInfo& tensor : file.tensors()) {
      std::vector<char> bytes(tensor.bytes);
      file.read(tensor.name, bytes.data());
      file.read_bytes(tensor, tensor.bytes / 2, tensor.bytes - tensor.bytes / 2, bytes.data());
    }
  } catch (const muster::DataError&) {
  }
  return 0;
}
