// What stands beside a file's tensors: config.json of Hugging Face, the arguments in LightlyTrain's exports.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "weights/form.hpp"

namespace muster::weights {

// The row of an architecture's name, with or without -notpretrained and -eomt. DataError when `table` has none of it.
const model::BackboneRow& row_named(const std::string& model, std::span<const model::BackboneRow> table, const std::string& where);

// Epsilon of the layer norms: config.json's, where it may be absent because it is its class's default; else the row's.
double norm_eps_of(const TensorSource& source, Form form, const model::BackboneRow& row);

// DataError where config.json contradicts the shapes or asks for what no published model has.
void check_config(const TensorSource& source, Form form, const model::BackboneRow& row);

// Of EoMT; a note says where it had to be taken from the table.
int joint_blocks_of(const TensorSource& source, Form form, const model::BackboneRow& row, std::vector<std::string>& notes);

// Task, classes, image size and rules, as far as the file says.
WeightsInfo info_of(const TensorSource& source, const Recognised& recognised);

// Whose details (EomtOptions::form) a form's files follow: "lightly_train", "upstream" or "hf".
std::string_view details_of(Form form);

}  // namespace muster::weights
