#include "pack/panoptic_files.hpp"

namespace muster::pack {

NamedFiles::NamedFiles(const std::vector<io::SourceFile>& files) {
  for (const io::SourceFile& file : files) {
    by_key_.emplace(file.key, &file);
    by_stem_[io::without_extension(file.key)].push_back(&file);
  }
}

std::vector<const io::SourceFile*> NamedFiles::find(std::string_view name) const {
  while (name.starts_with("./")) {
    name.remove_prefix(2);
  }
  const std::size_t slash = name.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? name : name.substr(slash + 1);
  for (const std::string_view form : {name, last}) {
    if (const auto found = by_key_.find(form); found != by_key_.end()) {
      return {found->second};
    }
    if (const auto found = by_stem_.find(io::without_extension(form)); found != by_stem_.end()) {
      return found->second;
    }
  }
  return {};
}

}  // namespace muster::pack
