// The tables that name images and their labels (spec/features.md D06 to D11):
//
//   image_path,label                    with a header, columns in any order and more of them
//   train/cat/img1.jpg,"cat,tabby"      labels by name or by class id, between them any delimiter
//   train/car/img2.jpg,"2"              without a header: the path, then the labels
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pack/class_file.hpp"

namespace muster::pack {

// One line that names an image.
struct LabelRow {
  std::size_t line = 0;
  std::string path;    // as written
  std::string labels;  // as written
};

struct LabelTable {
  std::vector<LabelRow> rows;
  // Lines that cannot be used: the number, and a sentence that starts with FILE:LINE.
  std::vector<std::pair<std::size_t, std::string>> problems;
  bool has_header = false;
};

// The first line is a header if it names one of the two columns. ConfigError when it lacks the other, or when columns are named that it
// does not have; DataError for text that is no CSV (see io::CsvReader).
LabelTable read_label_table(const std::filesystem::path& csv, const CsvColumns& columns);

// The labels in a field: cut at the delimiter, without blanks around them, empty ones left out.
std::vector<std::string_view> split_labels(std::string_view field, std::string_view delimiter);

// Labels as they are written -> dense indices.
class LabelNames {
 public:
  // `by_id`: labels are class ids, else names. ConfigError when two classes have the same name.
  LabelNames(const DeclaredClasses& declared, bool by_id);

  // Dense index, -1 for a void id (ignored, and no class), nothing for what is no class.
  std::optional<std::int32_t> find(std::string_view label) const;
  // `unknown class name "caat"; mend the line (did you mean "cat"?), or add the class to those in FILE`
  std::string unknown(std::string_view label) const;

 private:
  const DeclaredClasses& declared_;
  bool by_id_;
  std::unordered_map<std::string, std::int32_t> by_name_;
};

}  // namespace muster::pack
