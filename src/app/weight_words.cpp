#include "app/weight_words.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/error.hpp"

namespace muster::app {
namespace {

io::Value names_value(const std::vector<std::string>& names) {
  io::Value list = io::Value::list();
  for (const std::string& name : names) {
    list.push_back(name);
  }
  return list;
}

io::Value pairs_value(const std::vector<std::pair<std::string, std::string>>& pairs) {
  io::Value map = io::Value::map();
  for (const auto& [name, why] : pairs) {
    map.set(name, why);
  }
  return map;
}

}  // namespace

std::optional<ScalarType> type_named(const std::string& name) {
  if (name == "stored") {
    return std::nullopt;
  }
  if (name == "fp32") {
    return ScalarType::kF32;
  }
  if (name == "bf16") {
    return ScalarType::kBF16;
  }
  if (name == "fp16") {
    return ScalarType::kF16;
  }
  throw ConfigError("dtype={}: stored, fp32, bf16 and fp16 are known", name);
}

std::int64_t bytes_of_size(const std::string& text, const std::string& key) {
  constexpr std::pair<std::string_view, double> kUnits[] = {{"", 1}, {"B", 1}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}};
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit = std::string_view(text).substr(static_cast<std::size_t>(end - text.data()));
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  for (const auto& [name, factor] : kUnits) {
    if (error == std::errc() && unit == name && number * factor >= 1 && number * factor < 1e18) {
      return static_cast<std::int64_t>(number * factor);
    }
  }
  throw ConfigError("{}={}: no size; 5GB, 200MB and 1000 are", key, text);
}

io::Value plan_value(const weights::LoadPlan& plan) {
  return io::Value::map({{"form", weights::form_name(plan.form)},
                         {"table_hash", plan.hash},
                         {"loaded", static_cast<std::int64_t>(plan.tensors.size() - plan.made.size())},
                         {"made", pairs_value(plan.made)},
                         {"skipped", pairs_value(plan.skipped)},
                         {"kept", names_value(plan.kept)},
                         {"missing", names_value(plan.missing)},
                         {"unexpected", names_value(plan.unexpected)},
                         {"notes", names_value(plan.notes)}});
}

}  // namespace muster::app
