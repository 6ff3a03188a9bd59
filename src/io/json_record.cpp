#include "io/json_records.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace muster::io {

const JsonRecord::Member* JsonRecord::find(std::string_view key) const noexcept {
  // The last one, as other readers do it with a key that is written twice.
  const auto found = std::find_if(members_.rbegin(), members_.rend(), [key](const auto& member) { return member.first == key; });
  return found == members_.rend() || std::holds_alternative<std::nullptr_t>(found->second) ? nullptr : &found->second;
}

const JsonRecord::Member& JsonRecord::at(std::string_view key) const {
  const Member* member = find(key);
  if (member == nullptr) {
    throw DataError("no {}", key);
  }
  return *member;
}

bool JsonRecord::has(std::string_view key) const noexcept {
  return find(key) != nullptr;
}

double JsonRecord::number(std::string_view key) const {
  const Member& member = at(key);
  if (const auto* whole_number = std::get_if<std::int64_t>(&member)) {
    return static_cast<double>(*whole_number);
  }
  if (const auto* fraction = std::get_if<double>(&member)) {
    return *fraction;
  }
  throw DataError("{} is no number", key);
}

std::int64_t JsonRecord::whole(std::string_view key, std::int64_t least, std::int64_t most) const {
  const double value = number(key);
  const auto* exact = std::get_if<std::int64_t>(&at(key));
  if (value != std::floor(value) || value < static_cast<double>(least) || value > static_cast<double>(most) ||
      (exact != nullptr && (*exact < least || *exact > most))) {
    throw DataError("{} is {}, wanted a whole number from {} to {}", key, value, least, most);
  }
  return exact != nullptr ? *exact : static_cast<std::int64_t>(value);
}

bool JsonRecord::flag(std::string_view key) const {
  const auto* truth = std::get_if<bool>(&at(key));
  return truth != nullptr ? *truth : whole(key, 0, 1) == 1;
}

const std::string& JsonRecord::text(std::string_view key) const {
  const auto* found = std::get_if<std::string>(&at(key));
  if (found == nullptr) {
    throw DataError("{} is no string", key);
  }
  if (found->find('\0') != std::string::npos) {
    throw DataError("{} holds a null character", key);
  }
  return *found;
}

std::string JsonRecord::text_or_digits(std::string_view key) const {
  const auto* whole_number = std::get_if<std::int64_t>(&at(key));
  return whole_number != nullptr ? std::to_string(*whole_number) : text(key);
}

std::span<const double> JsonRecord::numbers(std::string_view key, std::size_t count) const {
  const auto* list = std::get_if<std::vector<double>>(&at(key));
  if (list == nullptr || list->size() != count) {
    throw DataError("{} is no list of {} numbers", key, count);
  }
  return *list;
}

}  // namespace muster::io
