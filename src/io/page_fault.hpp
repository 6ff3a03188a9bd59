// What becomes of a page of a mapped file that cannot be had: the file was cut short, or its disk failed. Touching it is SIGBUS, of
// which this is the process's handler, from the first use on; faults that nobody here has asked about go to the handler before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace muster::io {

// As long as it lives, a fault within `bytes` writes a sentence to standard error and ends the process with exit code 3. A process has
// room for 64 of them; what is guarded beyond these is not. Any thread.
class FaultGuard {
 public:
  FaultGuard() = default;
  FaultGuard(std::span<const std::byte> bytes, const std::string& sentence);
  ~FaultGuard();
  FaultGuard(FaultGuard&& other) noexcept;
  FaultGuard& operator=(FaultGuard&& other) noexcept;

 private:
  int entry_ = -1;  // in the table of the handler; -1: none
};

// Copies part of a mapped file to `copy`, which has room for as much -> the CRC-32 of what was copied. Nothing when a page of it cannot be
// had: a read() says why. Each byte is loaded once, so that the checksum is that of the copy, whatever happens to the file. Any thread.
std::optional<std::uint32_t> copy_mapped(std::span<const std::byte> bytes, std::byte* copy);

}  // namespace muster::io
