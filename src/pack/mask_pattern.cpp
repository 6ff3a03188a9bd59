#include "pack/mask_pattern.hpp"

#include "core/error.hpp"

namespace muster::pack {
namespace {

constexpr std::string_view kOpening = "{image_path";

constexpr std::string_view kParent = ".parent";

// The part behind all of its `.parent`.
std::string_view without_parents(std::string_view part) {
  while (part.starts_with(kParent)) {
    part.remove_prefix(kParent.size());
  }
  return part;
}

bool is_path_part(std::string_view part) {
  const std::string_view last = without_parents(part);
  return last.empty() || last == ".name" || last == ".stem" || last == ".suffix";
}

// As pathlib has it: the folder of a plain name is ".", and that of "." and of "/" is itself.
std::filesystem::path folder_above(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

std::string pattern_part(std::filesystem::path path, std::string_view part) {
  const std::string_view last = without_parents(part);
  for (std::size_t left = part.size(); left > last.size(); left -= kParent.size()) {
    path = folder_above(path);
  }
  if (last == ".name") {
    return path.filename().string();
  }
  if (last == ".stem") {
    return path.stem().string();
  }
  return last == ".suffix" ? path.extension().string() : path.string();
}

}  // namespace

bool MaskPattern::is_pattern(std::string_view masks) {
  return masks.find(kOpening) != std::string_view::npos;
}

MaskPattern::MaskPattern(std::string text) : text_(std::move(text)) {
  std::size_t begin = 0;
  for (std::size_t open = text_.find(kOpening); open != std::string::npos; open = text_.find(kOpening, begin)) {
    const std::size_t from = open + kOpening.size();
    const std::size_t close = text_.find('}', from);
    const std::string part = close == std::string::npos ? "" : text_.substr(from, close - from);
    if (close == std::string::npos || !is_path_part(part)) {
      throw ConfigError(
          "masks={}: \"{}\" is not known; in braces may stand image_path, any number of .parent, and then .name, .stem or .suffix", text_,
          text_.substr(open, close == std::string::npos ? close : close + 1 - open));
    }
    parts_.emplace_back(text_.substr(begin, open - begin), part);
    has_name_ = has_name_ || part.empty() || part == ".name" || part == ".stem";
    begin = close + 1;
  }
  rest_ = text_.substr(begin);
}

std::filesystem::path MaskPattern::of(const std::filesystem::path& image) const {
  std::string path;
  for (const auto& [before, part] : parts_) {
    path += before + pattern_part(image, part);
  }
  return (path + rest_);
}

std::filesystem::path MaskPattern::folder() const {
  const std::size_t slash = text_.substr(0, text_.find(kOpening)).rfind('/');
  return slash == std::string::npos ? "" : text_.substr(0, slash + (slash == 0 ? 1 : 0));
}

}  // namespace muster::pack
