// Pages of a file in memory, read-only and shared with all who map them; given back at the end.
#pragma once

#include <cstddef>
#include <span>

namespace muster::io {

// Reading is safe from any thread; what becomes of pages that cannot be had is told in page_fault.hpp.
class Mapping {
 public:
  Mapping() = default;
  // The first `bytes` of an open file, which may be closed afterwards. Empty, with errno, when it cannot be mapped.
  Mapping(int fd, std::size_t bytes) noexcept;
  ~Mapping();
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  // All of it will be read soon, from front to back.
  void read_ahead() const noexcept;
  // Lets go of the pages that hold any of `part`; they are looked up in the file again when they are touched.
  void drop_pages(std::span<const std::byte> part) const noexcept;

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace muster::io
