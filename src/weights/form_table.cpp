#include "weights/form_table.hpp"

#include <algorithm>
#include <cctype>

#include "core/error.hpp"

namespace muster::weights {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// What '#' and '@' stood for, in order.
using Captures = std::vector<std::string_view>;

bool capture(std::string_view pattern, std::string_view name, Captures& captures) {
  while (!pattern.empty()) {
    const char next = pattern.front();
    pattern.remove_prefix(1);
    if (next == '@') {
      captures.push_back(name);
      return !name.empty() && pattern.empty();
    }
    if (next == '#') {
      const auto end = static_cast<std::size_t>(std::find_if_not(name.begin(), name.end(), is_digit) - name.begin());
      if (end == 0) {
        return false;
      }
      captures.push_back(name.substr(0, end));
      name.remove_prefix(end);
    } else if (!name.empty() && name.front() == next) {
      name.remove_prefix(1);
    } else {
      return false;
    }
  }
  return name.empty();
}

std::vector<std::string_view> split(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> parts;
  for (std::size_t at = text.find(separator); at != std::string_view::npos; at = text.find(separator)) {
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  parts.push_back(text);
  return parts;
}

std::string filled(std::string_view pattern, const Captures& captures) {
  std::string name;
  std::size_t next = 0;
  for (const char c : pattern) {
    if (c == '#' || c == '@') {
      name += captures.at(next++);
    } else {
      name += c;
    }
  }
  return name;
}

// "attention.{q,0,v}_proj.bias" -> "attention.q_proj.bias", the constant 0, "attention.v_proj.bias"
std::vector<Piece> pieces_of(const std::string& prefix, std::string_view theirs, const Captures& captures) {
  const std::size_t open = theirs.find('{');
  if (open == std::string_view::npos) {
    return {{.name = filled(prefix + std::string(theirs), captures)}};
  }
  const std::size_t close = theirs.find('}', open);
  std::vector<Piece> pieces;
  for (const std::string_view choice : split(theirs.substr(open + 1, close - open - 1), ",")) {
    if (choice == "0") {
      pieces.push_back({});
    } else {
      const std::string name = prefix + std::string(theirs.substr(0, open)) + std::string(choice) + std::string(theirs.substr(close + 1));
      pieces.push_back({.name = filled(name, captures)});
    }
  }
  return pieces;
}

// "blocks.2.17.norm1.bias" -> "blocks.17.norm1.bias": training code keeps blocks in chunks, whose blocks keep their own numbers.
std::string without_chunk(std::string name) {
  constexpr std::string_view kBlocks = "blocks.";
  const std::size_t at = name.find(kBlocks);
  if (at == std::string::npos) {
    return name;
  }
  const std::size_t first = at + kBlocks.size();
  const std::size_t dot = name.find('.', first);
  if (dot == std::string::npos || dot + 1 >= name.size() ||
      !std::all_of(name.begin() + static_cast<std::ptrdiff_t>(first), name.begin() + static_cast<std::ptrdiff_t>(dot), is_digit) ||
      !is_digit(name[dot + 1])) {
    return name;
  }
  return name.erase(first, dot + 1 - first);
}

}  // namespace

const FormTable& table_of(Form form, model::Family family) {
  static const FormTable muster = muster_table(), meta2 = meta_dinov2_table(), meta3 = meta_dinov3_table(), hf2 = hf_dinov2_table(),
                         hf3 = hf_dinov3_table(), hf_eomt2 = hf_eomt_table(), hf_eomt3 = hf_eomt_dinov3_table(),
                         upstream2 = upstream_eomt_table(), upstream3 = upstream_eomt_dinov3_table(), lightly = lightly_train_table();
  switch (form) {
    case Form::kMuster:
      return muster;
    case Form::kMetaDinov2:
      return meta2;
    case Form::kMetaDinov3:
      return meta3;
    case Form::kHfDinov2:
    case Form::kHfDinov2Registers:
      return hf2;
    case Form::kHfDinov3:
      return hf3;
    case Form::kHfEomt:
      return hf_eomt2;
    case Form::kHfEomtDinov3:
      return hf_eomt3;
    case Form::kUpstreamEomt:
      return family == model::Family::kDinov2 ? upstream2 : upstream3;
    case Form::kUpstreamEomtDelta:
      return upstream3;
    case Form::kLightlyTrain:
      return lightly;
  }
  throw InvariantError("form {} has no table", static_cast<int>(form));
}

std::optional<Translation> translate(const FormTable& table, std::string_view ours) {
  for (const NameGroup& group : table.groups) {
    for (const NameRow& row : group.rows) {
      Captures captures;
      if (!capture(std::string(group.ours) + std::string(row.ours), ours, captures)) {
        continue;
      }
      Translation translation{.alternatives = {}, .without = row.without, .shaped = row.shaped};
      if (!row.theirs.empty()) {
        for (const std::string_view alternative : split(row.theirs, " | ")) {
          translation.alternatives.push_back(pieces_of(std::string(group.theirs), alternative, captures));
        }
      }
      return translation;
    }
  }
  return std::nullopt;
}

bool matches(std::string_view pattern, std::string_view name) {
  const std::vector<std::string_view> texts = split(pattern, "*");
  if (texts.size() == 1) {
    return pattern == name;
  }
  if (!name.starts_with(texts.front()) || !name.substr(texts.front().size()).ends_with(texts.back())) {
    return false;
  }
  std::string_view between = name.substr(texts.front().size(), name.size() - texts.front().size() - texts.back().size());
  for (std::size_t i = 1; i + 1 < texts.size(); ++i) {
    const std::size_t at = between.find(texts[i]);
    if (at == std::string_view::npos) {
      return false;
    }
    between.remove_prefix(at + texts[i].size());
  }
  return true;
}

bool matches_any(std::span<const std::string> patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) { return matches(pattern, name); });
}

NamedFile::NamedFile(const TensorSource& source, const FormTable& table) : source_(&source), table_(&table) {
  for (const StoredTensor& tensor : source.tensors()) {
    std::string_view name = tensor.name;
    for (const std::string_view prefix : table.prefixes) {
      if (name.starts_with(prefix)) {
        name.remove_prefix(prefix.size());
        break;
      }
    }
    const auto [place, added] = by_name_.emplace(without_chunk(std::string(name)), &tensor);
    if (!added) {
      throw DataError("{}: tensors {} and {} stand for the same one; keep one of them in the file", source.path().string(),
                      place->second->name, tensor.name);
    }
  }
}

const StoredTensor* NamedFile::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::vector<NamedFile::FoundPiece> NamedFile::find_pieces(const Translation& translation) const {
  for (const std::vector<Piece>& alternative : translation.alternatives) {
    std::vector<FoundPiece> found;
    for (const Piece& piece : alternative) {
      const StoredTensor* tensor = piece.name.empty() ? nullptr : find(piece.name);
      if (tensor == nullptr && !piece.name.empty()) {
        break;
      }
      found.push_back({.tensor = tensor, .constant = piece.constant});
    }
    if (found.size() == alternative.size()) {
      return found;
    }
  }
  return {};
}

std::optional<std::vector<std::int64_t>> NamedFile::shape_of(std::string_view ours) const {
  const std::optional<Translation> translation = translate(*table_, ours);
  if (!translation) {
    return std::nullopt;
  }
  const std::vector<FoundPiece> pieces = find_pieces(*translation);
  if (pieces.empty()) {
    return std::nullopt;
  }
  std::vector<std::int64_t> shape = pieces.front().tensor->shape;
  if (!shape.empty()) {
    shape.front() *= static_cast<std::int64_t>(pieces.size());
  }
  return shape;
}

}  // namespace muster::weights
