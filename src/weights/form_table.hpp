// How a form's tables of names are written, and how they are read in both directions.
//
//   {"attn.qkv.bias", "attention.{q,0,v}_proj.bias"}
//
// says that the rows of our attn.qkv.bias are q_proj.bias, zeros, and v_proj.bias, one after the other and of equal length. In
// patterns '#' stands for a number (of a block) and '@' for the rest of a name, the same on both sides; "a | b" is b where a
// file has no a, and a when we write. The first row that fits a name counts.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/form.hpp"
#include "weights/tensor_source.hpp"

namespace muster::weights {

// What our tensor is where the file has none.
enum class Without : std::uint8_t {
  kMissing,  // an error, unless the recipe allows it
  kZeros,
  kKeyMask,  // 1 for q and v, 0 for k
  kPeriods,  // DINOv3's 100^(i/n), in fp32
};

// How the file shapes the same numbers.
enum class Shaped : std::uint8_t {
  kAsOurs,
  kToken,  // [1, 1, D]
  kTable,  // [G, D], without the leading one
};

struct NameRow {
  std::string_view ours;
  std::string_view theirs;  // empty: no file of this form has it
  Without without = Without::kMissing;
  Shaped shaped = Shaped::kAsOurs;
};

// Rows under a prefix, so that one table of a block's tensors serves several forms.
struct NameGroup {
  std::string_view ours, theirs;
  std::span<const NameRow> rows;
};

// Tensors of a form's files that no model of ours holds. '*' stands for any text.
struct SkipRow {
  std::string_view pattern;
  std::string_view rule;
};

struct FormTable {
  std::vector<NameGroup> groups;
  std::vector<std::string_view> prefixes;  // in front of the file's names; the first that fits is taken off
  std::vector<SkipRow> skipped;
};

// The family matters where a form has both (upstream EoMT). Tables live as long as the program.
const FormTable& table_of(Form form, model::Family family);

// forms_dinov2.cpp, forms_dinov3.cpp, forms_eomt.cpp
std::span<const NameRow> hf_dinov2_block();
std::span<const NameRow> timm_backbone();
std::span<const NameRow> hf_dinov3_block();
FormTable meta_dinov2_table();
FormTable meta_dinov3_table();
FormTable hf_dinov2_table();
FormTable hf_dinov3_table();
FormTable hf_eomt_table();
FormTable hf_eomt_dinov3_table();
FormTable upstream_eomt_table();
FormTable upstream_eomt_dinov3_table();
FormTable lightly_train_table();
FormTable muster_table();

// A piece of one of our tensors: a tensor of the file, or a constant where `name` is empty.
struct Piece {
  std::string name;  // as the table has it, without prefix
  double constant = 0;
};
// Our tensor in the file's words: each alternative is the pieces of its rows. No alternatives: no file has it.
struct Translation {
  std::vector<std::vector<Piece>> alternatives;
  Without without = Without::kMissing;
  Shaped shaped = Shaped::kAsOurs;
};
// nullopt: the table says nothing about this name.
std::optional<Translation> translate(const FormTable& table, std::string_view ours);

bool matches(std::string_view pattern, std::string_view name);  // '*' = any text
bool matches_any(std::span<const std::string> patterns, std::string_view name);

// A file's tensors by the names of the table: prefixes and the chunk numbers of blocks.CHUNK.N are taken off.
class NamedFile {
 public:
  // DataError when two tensors come out with the same name.
  NamedFile(const TensorSource& source, const FormTable& table);

  const TensorSource& source() const noexcept { return *source_; }
  const FormTable& table() const noexcept { return *table_; }
  const StoredTensor* find(const std::string& name) const;  // of the table

  struct FoundPiece {
    const StoredTensor* tensor = nullptr;  // nullptr = the constant
    double constant = 0;
  };
  // The first alternative of which all tensors are there; empty where there is none.
  std::vector<FoundPiece> find_pieces(const Translation& translation) const;

  // Our tensor's shape as this file has it (rows of its pieces added up), leading ones of tokens as in the file; nullopt =
  // not there.
  std::optional<std::vector<std::int64_t>> shape_of(std::string_view ours) const;
  bool has(std::string_view ours) const { return shape_of(ours).has_value(); }

 private:
  const TensorSource* source_;
  const FormTable* table_;
  std::map<std::string, const StoredTensor*> by_name_;
};

// What the file holds, by its shapes. DataError where they cannot be a model's: no class token, no blocks, a kernel that is not square.
FileShape shape_of(const NamedFile& file, Form form, model::Family family);
FileShape file_shape(const TensorSource& source, Form form);       // its family by its tensors
bool fits(const FileShape& shape, const model::BackboneRow& row);  // apart from what a variant may change
model::Family family_of(Form form, const TensorSource& source);

}  // namespace muster::weights
