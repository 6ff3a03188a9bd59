#include "pack/mask_pattern.hpp"

#include "core/error.hpp"

namespace muster::pack {
namespace {

constexpr std::string_view kOpening = "{image_path";

bool is_path_part(std::string_view part) {
  return part.empty() || part == ".name" || part == ".stem" || part == ".suffix" || part == ".parent" || part == ".parent.name";
}

std::string pattern_part(const std::filesystem::path& image, std::string_view part) {
  if (part == ".name") {
    return image.filename().string();
  }
  if (part == ".stem") {
    return image.stem().string();
  }
  if (part == ".suffix") {
    return image.extension().string();
  }
  if (part == ".parent") {
    return image.has_parent_path() ? image.parent_path().string() : ".";
  }
  return part == ".parent.name" ? image.parent_path().filename().string() : image.string();
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
          "masks={}: \"{}\" is not known; in braces may stand image_path, image_path.name, .stem, .suffix, .parent and .parent.name", text_,
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
