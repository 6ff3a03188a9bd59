#include "label/class_notes.hpp"

#include <algorithm>
#include <utility>

#include "core/error.hpp"
#include "io/value.hpp"

namespace muster::label {

int LabelledClasses::bit_depth() const {
  return std::ranges::max(ids) <= 254 ? 8 : 16;
}
int LabelledClasses::void_value() const {
  return bit_depth() == 8 ? 255 : 65535;
}

std::string class_notes(const LabelledClasses& classes) {
  io::Value names = io::Value::map(), colors = io::Value::map();
  for (std::size_t i = 0; i < classes.ids.size(); ++i) {
    const std::string id = std::to_string(classes.ids[i]);
    names.set(id, classes.names[i]);
    io::Value color = io::Value::list();
    for (const std::uint8_t channel : classes.colors[i]) {
      color.push_back(int{channel});
    }
    colors.set(id, std::move(color));
  }
  return io::to_yaml(io::Value::map({{"classes", std::move(names)},
                                     {"colors", std::move(colors)},
                                     {"ignore_classes", io::Value::List{classes.void_value()}},
                                     {"void", classes.void_value()},
                                     {"orientation", "applied"}}));
}

image::LabelMap in_class_ids(image::LabelMap labels, const LabelledClasses& classes) {
  for (std::uint16_t& value : labels.values) {
    check(value < classes.ids.size(), "in_class_ids: label {} of {} classes", value, classes.ids.size());
    value = static_cast<std::uint16_t>(classes.ids[value]);
  }
  return labels;
}

}  // namespace muster::label
