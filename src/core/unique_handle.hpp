// A C handle with one owner: moves, closes once. Traits give the type, the value that means "none", and how to close.
#pragma once

#include <utility>

namespace muster {

// struct FileTraits { using type = int; static type none() noexcept { return -1; } static void close(type fd) noexcept; };
template <class Traits>
class UniqueHandle {
 public:
  using type = typename Traits::type;

  UniqueHandle() noexcept = default;
  explicit UniqueHandle(type handle) noexcept : handle_(handle) {}
  UniqueHandle(UniqueHandle&& other) noexcept : handle_(other.release()) {}
  UniqueHandle& operator=(UniqueHandle&& other) noexcept {
    if (this != &other) {
      reset(other.release());
    }
    return *this;
  }
  ~UniqueHandle() { reset(); }

  type get() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_ != Traits::none(); }
  type release() noexcept { return std::exchange(handle_, Traits::none()); }
  void reset(type handle = Traits::none()) noexcept {
    if (handle_ != Traits::none()) {
      Traits::close(handle_);
    }
    handle_ = handle;
  }

 private:
  type handle_ = Traits::none();
};

}  // namespace muster
