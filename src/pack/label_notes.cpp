#include "pack/label_notes.hpp"

#include "core/error.hpp"
#include "io/source_scan.hpp"
#include "io/value.hpp"
#include "pack/mask_pattern.hpp"

namespace muster::pack {

namespace fs = std::filesystem;

std::optional<fs::path> label_notes(const std::string& masks) {
  const fs::path named = MaskPattern::is_pattern(masks) ? MaskPattern(masks).folder() : fs::path(masks);
  if (named.empty()) {
    return std::nullopt;
  }
  fs::path folder = fs::absolute(named).lexically_normal();
  while (true) {
    const fs::path notes = folder / io::kNotesFolder / "classes.yaml";
    if (fs::exists(notes)) {
      return notes;
    }
    if (folder == folder.parent_path()) {
      return std::nullopt;
    }
    folder = folder.parent_path();
  }
}

std::optional<fs::path> shared_label_notes(const PackOptions& options) {
  std::optional<fs::path> shared;
  for (const auto& [split, sources] : sources_by_split(options)) {
    const std::optional<fs::path> notes = label_notes(sources.masks);
    if (shared && notes && io::read_value_file(*shared) != io::read_value_file(*notes)) {
      throw ConfigError("{} and {} name different classes; give classes=FILE for both", shared->string(), notes->string());
    }
    shared = notes ? notes : shared;
  }
  return shared;
}

std::string orientation_of_masks(const std::string& masks, const std::string& orientation) {
  const std::optional<fs::path> notes = orientation == "auto" ? label_notes(masks) : std::nullopt;
  if (!notes) {
    return orientation;
  }
  const io::Value tree = io::read_value_file(*notes);
  const io::Value* said = tree.find("orientation");
  return said != nullptr && said->as_string() == "applied" ? "apply" : orientation;
}

}  // namespace muster::pack
