#include "pack/csv_labels.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/error.hpp"
#include "core/nearest_name.hpp"
#include "io/csv.hpp"

namespace muster::pack {
namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

// Where path and labels stand in a record of `fields` fields.
struct ColumnPlaces {
  std::size_t path = 0;
  std::size_t labels = 1;
  std::size_t fields = 2;
};

std::optional<std::size_t> place_of(const io::CsvRow& header, const std::string& name) {
  const auto found = std::ranges::find(header.fields, name, [](const std::string& field) { return without_blanks(field); });
  return found == header.fields.end() ? std::nullopt : std::optional<std::size_t>(found - header.fields.begin());
}

// Nothing: the first line is a record like the others.
std::optional<ColumnPlaces> header_of(const io::CsvRow& first, const std::string& csv, const CsvColumns& columns) {
  const std::optional<std::size_t> path = place_of(first, columns.image_column);
  const std::optional<std::size_t> labels = place_of(first, columns.label_column);
  const bool named = columns.image_column != CsvColumns().image_column || columns.label_column != CsvColumns().label_column;
  if (!path && !labels && !named) {
    return std::nullopt;
  }
  if (!path || !labels) {
    throw ConfigError("{}:{}: no column \"{}\" among {}; name the columns of paths and labels by csv_image_column and csv_label_column",
                      csv, first.line, path ? columns.label_column : columns.image_column, fmt::join(first.fields, ", "));
  }
  return ColumnPlaces{.path = *path, .labels = *labels, .fields = first.fields.size()};
}

}  // namespace

LabelTable read_label_table(const std::filesystem::path& csv, const CsvColumns& columns) {
  io::CsvReader reader(csv);
  LabelTable table;
  std::optional<ColumnPlaces> places;
  std::vector<std::size_t> blank;  // lines without anything; those at the end of the file are no mistake
  const auto problem = [&](std::size_t line, const std::string& what) {
    table.problems.emplace_back(line, fmt::format("{}:{}: {}", csv.string(), line, what));
  };
  while (std::optional<io::CsvRow> row = reader.next()) {
    if (row->fields.empty()) {
      blank.push_back(row->line);
      continue;
    }
    for (const std::size_t line : std::exchange(blank, {})) {
      problem(line, "the line is empty; take it out");
    }
    if (!places) {
      const std::optional<ColumnPlaces> header = header_of(*row, csv.string(), columns);
      places = header.value_or(ColumnPlaces());
      table.has_header = header.has_value();
      if (header) {
        continue;
      }
    }
    if (row->fields.size() != places->fields) {
      problem(row->line, fmt::format("{} fields, {} are wanted{}", row->fields.size(), places->fields,
                                     row->fields.size() > places->fields ? "; labels with commas between them are written in quotes" : ""));
      continue;
    }
    std::string& path = row->fields[places->path];
    std::string& labels = row->fields[places->labels];
    if (path.empty() || without_blanks(labels).empty()) {
      problem(row->line, path.empty() ? "no image path; complete the line or take it out"
                                      : fmt::format("no label for {}; complete the line or take it out", path));
      continue;
    }
    table.rows.push_back({.line = row->line, .path = std::move(path), .labels = std::move(labels)});
  }
  return table;
}

std::vector<std::string_view> split_labels(std::string_view field, std::string_view delimiter) {
  check(!delimiter.empty(), "split_labels: \"{}\" and an empty delimiter", field);
  std::vector<std::string_view> labels;
  for (std::size_t begin = 0; begin <= field.size();) {
    const std::size_t end = std::min(field.find(delimiter, begin), field.size());
    if (const std::string_view label = without_blanks(field.substr(begin, end - begin)); !label.empty()) {
      labels.push_back(label);
    }
    begin = end + delimiter.size();
  }
  return labels;
}

LabelNames::LabelNames(const DeclaredClasses& declared, bool by_id) : declared_(declared), by_id_(by_id) {
  const data::ClassList& classes = declared.classes;
  for (std::size_t dense = 0; !by_id && dense < classes.size(); ++dense) {
    const auto [other, is_new] = by_name_.emplace(classes.names[dense], static_cast<std::int32_t>(dense));
    if (!is_new) {
      throw ConfigError("{}: the classes {} and {} are both called {}; give each a name of its own", declared.where,
                        classes.ids[static_cast<std::size_t>(other->second)], classes.ids[dense], classes.names[dense]);
    }
  }
}

std::optional<std::int32_t> LabelNames::find(std::string_view label) const {
  if (!by_id_) {
    const auto found = by_name_.find(std::string(label));
    return found == by_name_.end() ? std::nullopt : std::optional(found->second);
  }
  std::int32_t id = -1;
  const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), id);
  if (error != std::errc() || end != label.data() + label.size()) {
    return std::nullopt;
  }
  if (const auto dense = declared_.classes.dense_index(id)) {
    return *dense;
  }
  return std::ranges::binary_search(declared_.void_values, id) ? std::optional(-1) : std::nullopt;
}

std::string LabelNames::unknown(std::string_view label) const {
  if (!by_id_ && LabelNames(declared_, true).find(label)) {
    return fmt::format("unknown class \"{}\"; it is the id of a class, and csv_label_type=id reads ids", label);
  }
  if (by_id_ && std::ranges::find(declared_.classes.names, label) != declared_.classes.names.end()) {
    return fmt::format("unknown class id \"{}\"; it is the name of a class, and csv_label_type=name reads names", label);
  }
  const auto nearest = by_id_ ? std::nullopt : nearest_name(label, declared_.classes.names);
  return fmt::format("unknown class {} \"{}\"; mend the line{}, or add the class to those in {}", by_id_ ? "id" : "name", label,
                     nearest ? fmt::format(" (did you mean \"{}\"?)", *nearest) : "", declared_.where);
}

}  // namespace muster::pack
