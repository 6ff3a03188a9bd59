// Finds the files that annotations name.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/source_scan.hpp"

namespace muster::pack {

class NamedFiles {
 public:
  // `files` must outlive this, unmoved.
  explicit NamedFiles(const std::vector<io::SourceFile>& files);

  // Files for the name "val/9.jpg": the one with that key; else those with the key "val/9" but for the extension; else the same for
  // "9.jpg". Empty: none; more than one: the name does not tell.
  std::vector<const io::SourceFile*> find(std::string_view name) const;

 private:
  std::unordered_map<std::string_view, const io::SourceFile*> by_key_;
  std::unordered_map<std::string_view, std::vector<const io::SourceFile*>> by_stem_;
};

}  // namespace muster::pack
