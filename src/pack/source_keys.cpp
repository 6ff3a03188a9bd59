#include "pack/source_keys.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.hpp"

namespace muster::pack {
namespace {

bool is_text_or_list(const io::Value* value) {
  return value != nullptr && (value->is_string() || value->is_list());
}

// A list becomes one text with a line for each entry.
io::Value as_lines(const io::Value& value) {
  if (!value.is_list()) {
    return value;
  }
  std::string lines;
  for (const io::Value& entry : value.as_list()) {
    lines += entry.as_string() + "\n";
  }
  io::Value text(lines.substr(0, lines.empty() ? 0 : lines.size() - 1));
  text.set_where(value.where());
  return text;
}

void lines_of_images(io::Value& group) {
  if (const io::Value* images = group.find("images"); images != nullptr && images->is_list()) {
    group.set("images", as_lines(*images));
  }
}

// Only classification has tables; a path that is no folder is one.
bool is_table(const io::Value& value, const io::Value& tree) {
  const io::Value* task = tree.find("task");
  return task != nullptr && *task == io::Value("image_classification") && value.is_string() &&
         !std::filesystem::is_directory(value.as_string());
}

// A file of classes is the key `classes`, wherever the recipe names it.
void take_class_file(io::Value& tree) {
  const io::Value* file = tree.at("data").find("classes");
  if (file == nullptr || !file->is_string()) {
    return;
  }
  if (tree.find("classes") != nullptr && *tree.find("classes") != *file) {
    throw ConfigError("data.classes={} and classes={} name two files of classes; give one of them", io::to_json(*file, -1),
                      io::to_json(tree.at("classes"), -1));
  }
  io::Value path = *file;
  tree.set("classes", std::move(path));
  tree["data"].erase("classes");
}

}  // namespace

void expand_source_keys(io::Value& tree) {
  lines_of_images(tree);
  if (const io::Value* data = tree.find("data"); is_text_or_list(data)) {
    io::Value images = as_lines(*data);
    tree.set("data", io::Value::map({{"train", io::Value::map({{"images", std::move(images)}})}}));
  }
  if (const io::Value* group = tree.find("data"); group == nullptr || !group->is_map()) {
    return;
  }
  take_class_file(tree);
  for (const char* split : {"train", "val", "test"}) {
    io::Value* sources = tree.at("data").find(split) == nullptr ? nullptr : &tree["data"][split];
    if (sources == nullptr) {
      continue;
    }
    if (is_text_or_list(sources)) {
      const bool table = is_table(*sources, tree);
      io::Value text = as_lines(*sources);
      *sources = io::Value::map({{table ? "csv" : "images", std::move(text)}});
    } else if (sources->is_map()) {
      lines_of_images(*sources);
    }
  }
}

}  // namespace muster::pack
