// Where the mask of an image lies, said by a pattern instead of a folder:
//
//   masks/{image_path.stem}.png                  images/a/b.jpg -> masks/b.png
//   {image_path.parent}/{image_path.stem}_m.png  images/a/b.jpg -> images/a/b_m.png
//   {image_path.parent.parent}/m/{image_path.stem}.png          -> images/m/b.png
//
// Any number of .parent, then nothing, .name, .stem or .suffix: {image_path} whole, .name (b.jpg), .suffix (.jpg), .parent.name (a).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::pack {

class MaskPattern {
 public:
  // Whether `masks` is a pattern; otherwise it is a folder.
  static bool is_pattern(std::string_view masks);

  // ConfigError for a part in braces that is none of the above.
  explicit MaskPattern(std::string text);

  // Of an image at `image`, as it was found: below the folder that the user named.
  std::filesystem::path of(const std::filesystem::path& image) const;

  // No two images of a folder should share a mask, since their names are in its name.
  bool has_name() const noexcept { return has_name_; }
  // What stands before the first part in braces, up to its last slash: "masks". Empty where the pattern starts with the image's place.
  std::filesystem::path folder() const;
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  std::vector<std::pair<std::string, std::string>> parts_;  // text, then the part of the image's path behind it: ".stem"
  std::string rest_;                                        // behind the last part
  bool has_name_ = false;
};

}  // namespace muster::pack
