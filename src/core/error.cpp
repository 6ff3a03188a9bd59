#include "core/error.hpp"

#include <cstring>
#include <string_view>

namespace muster {

void fail_check(const std::string& text, const std::source_location& where) {
  const std::string_view file = where.file_name();
  const auto src = file.rfind("src/");
  throw InvariantError("{}:{}: {}", src == std::string_view::npos ? file : file.substr(src + 4), where.line(), text);
}

std::string errno_text(int error_number) {
  return fmt::format("{} (errno {})", std::strerror(error_number), error_number);
}

}  // namespace muster
